"""The workflows that Atoll writes, their steps run in order on this machine; GitHub's API is one on loopback."""

import pytest
import yaml

from atoll.automation import workflows
from atoll.core.errors import Exit
from harness import github
from harness.workflows import Runner

pytestmark = pytest.mark.timeout(900)
SETTINGS = {"environments": {"test": {"region": "eu-central-1"}}, "install": ["true"]}
LEVEL = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "beacon"}}


@pytest.fixture
def service():
    with github.served() as made:
        yield made


@pytest.fixture
def runner(up, service, tmp_path):
    """A runner of the checkout, whose workflows are rendered by the command."""
    checkout, _ = up
    folder = checkout.folder / ".github"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (checkout.folder / workflows.SETTINGS).write_text(yaml.safe_dump(SETTINGS))
    checkout.atoll("ci", "render", "github")
    programs = checkout.command.rpartition("/")[0]
    variables = {**checkout.variables, "PATH": f"{programs}:{checkout.variables['PATH']}"}
    event = {"pull_request": {"number": 7}}
    yield Runner(checkout.folder, tmp_path / "runner", variables, event, service.url)
    for path, content in before.items():
        path.write_bytes(content)


def test_a_change_is_previewed_in_a_comment_and_then_applied(up, runner, service):
    checkout, _ = up
    with checkout.edited("test", lambda it: it.update(vars={"logLevel": "debug"})):
        assert runner.run("preview")["test"].failed == []
        (comment,) = service.comments
        assert "configmap.beacon.settings" in comment["body"]
        assert checkout.api("test", "tern").get(LEVEL)["data"]["level"] != "debug"

        done = runner.run("apply")
        assert list(done) == ["plan-test", "apply-test"]
        assert [job.failed for job in done.values()] == [[], []], done
        assert checkout.api("test", "tern").get(LEVEL)["data"]["level"] == "debug"
        assert "configmap.beacon.settings" in done["plan-test"].summary
        assert "tern" in done["apply-test"].summary

    assert checkout.report("up", "test")["exit"] == Exit.DONE


def test_what_drifted_fails_the_nightly_look(up, runner):
    checkout, _ = up
    assert runner.run("drift")["test"].failed == []
    checkout.api("test", "control-plane").delete(LEVEL)
    drifted = runner.run("drift")["test"]

    assert drifted.steps["Say what has drifted"][0] == Exit.DRIFT
    assert "configmap.beacon.settings" in drifted.summary
    assert checkout.report("up", "test")["exit"] == Exit.DONE


def test_a_preview_that_fails_is_told_on_the_pull_request(up, runner, service):
    checkout, _ = up
    with checkout.edited("test", lambda it: it["clusters"]["tern"].update(driver="locl")):
        done = runner.run("preview")["test"]

    assert done.failed == ["Say what would change"]
    assert "Did you mean 'local'?" in done.steps["Say what would change"][1]
    assert "locl" in service.comments[0]["body"]


def test_a_plan_that_fails_is_not_applied(up, runner):
    checkout, _ = up
    with checkout.edited("test", lambda it: it["clusters"]["tern"].update(driver="locl")):
        assert list(runner.run("apply")) == ["plan-test"]
