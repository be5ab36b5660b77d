import re
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from atoll.automation import workflows
from atoll.automation.command_line import app
from atoll.core.errors import Exit, SettingsError

SETTINGS = """
environments:
  prod: {region: eu-central-1}
  stage: {region: eu-west-1}
publish:
  registry: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/team
  images:
    light: {context: images/light}
  charts: [charts/one, charts/two]
"""
_ALLOWED = {
    "preview": {"contents": "read", "id-token": "write", "pull-requests": "write"},
    "apply": {"contents": "read", "id-token": "write"},
    "drift": {"contents": "read", "id-token": "write"},
    "publish": {"contents": "read", "id-token": "write"},
}


def rendered():
    found = workflows.render(workflows.settings(SETTINGS))
    return {name.removesuffix(".yaml"): yaml.safe_load(text) for name, text in found.items()}


def jobs():
    return [(name, job) for name, found in rendered().items() for job in found["jobs"].values()]


def steps():
    return [step for _, job in jobs() for step in job["steps"]]


def test_a_job_may_do_what_it_needs_and_nothing_else():
    assert all(found["permissions"] == {} for found in rendered().values())
    assert all(job["permissions"] == _ALLOWED[name] for name, job in jobs())


def test_github_s_own_registry_needs_no_identity_elsewhere():
    text = SETTINGS.replace("123456789012.dkr.ecr.eu-central-1.amazonaws.com", "ghcr.io")
    found = yaml.safe_load(workflows.render(workflows.settings(text))["publish.yaml"])

    assert found["jobs"]["publish"]["permissions"] == {"contents": "read", "packages": "write"}


def test_every_action_is_named_by_a_commit_beside_its_tag():
    texts = "".join(workflows.render(workflows.settings(SETTINGS)).values())
    lines = re.findall(r"uses: (.*)", texts)

    assert len(lines) == len([step for step in steps() if "uses" in step]) > 20
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line) for line in lines)
    assert {line.partition("@")[0] for line in lines} == set(workflows.PINS)


def test_no_token_stays_in_a_checkout():
    out = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]

    assert all(step["with"] == {"persist-credentials": False} for step in out)
    assert out


def test_an_apply_waits_for_its_approval_and_for_its_turn():
    found = rendered()["apply"]["jobs"]

    assert list(found) == ["plan-prod", "apply-prod", "plan-stage", "apply-stage"]
    for name in ("prod", "stage"):
        assert found[f"apply-{name}"]["environment"] == name
        assert found[f"apply-{name}"]["needs"] == f"plan-{name}"
        assert found[f"apply-{name}"]["concurrency"] == {
            "group": f"atoll-{name}",
            "cancel-in-progress": False,
        }
        assert "environment" not in found[f"plan-{name}"]


def test_only_an_apply_may_write():
    roles = {
        step["with"]["role-to-assume"]: (name, "environment" in job)
        for name, job in jobs()
        for step in job["steps"]
        if "configure-aws" in step.get("uses", "")
    }

    assert roles == {
        "${{ vars.ATOLL_READ_ROLE }}": ("drift", False),
        "${{ vars.ATOLL_WRITE_ROLE }}": ("apply", True),
        "${{ vars.ATOLL_PUBLISH_ROLE }}": ("publish", False),
    }


def test_what_comes_from_a_fork_is_not_previewed():
    for job in rendered()["preview"]["jobs"].values():
        assert job["if"] == "github.event.pull_request.head.repo.full_name == github.repository"


def test_no_group_is_shared_where_one_that_waits_would_push_another_out():
    groups = [(job["concurrency"]["group"], name) for name, job in jobs() if "concurrency" in job]

    assert len({group for group, _ in groups}) == len(groups) == 7
    # A plan alone needs none.
    assert len(jobs()) == len(groups) + 2


@pytest.mark.parametrize("name", workflows.NAMES)
def test_every_atoll_command_of_a_workflow_exists(name):
    commands: Any = typer.main.get_command(app)
    runs = "".join(step.get("run", "") for job in rendered()[name]["jobs"].values() for step in job["steps"])
    calls = re.findall(r"^\s*(?:test .* && )?atoll ([^|>\n]*)", runs, re.MULTILINE)

    assert calls
    for call in calls:
        first, second, *_ = words = call.split()
        command = commands.commands[first]
        if hasattr(command, "commands"):
            command = command.commands[second]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known


def test_nothing_to_publish_is_no_workflow_and_no_environment_neither():
    assert set(workflows.render(workflows.settings("environments: {prod: {region: eu-west-1}}"))) == {
        "preview.yaml",
        "apply.yaml",
        "drift.yaml",
    }
    assert workflows.render(workflows.settings("")) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("environments: {Prod: {region: eu-west-1}}", "environments.Prod: found 'Prod'"),
        ("environments: {prod: {region: 5}}", "environments.prod.region: found 5"),
        ("publish: {registry: ghcr.io, charts: ['a; rm -rf b']}", "publish.charts.0: found 'a; rm -rf b'"),
        ("enviroments: {}", "enviroments: found an unknown key"),
        ("[", "found no YAML"),
        ("- prod", ".github/atoll.yaml: found a list; expected a valid dictionary"),
    ],
)
def test_settings_that_do_not_fit_are_told(text, said):
    with pytest.raises(SettingsError, match=re.escape(said)):
        workflows.settings(text)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    (tmp_path / "stacks").mkdir()
    (tmp_path / "Pulumi.yaml").touch()
    (tmp_path / ".github").mkdir()
    (tmp_path / workflows.SETTINGS).write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _render(*words):
    return CliRunner().invoke(app, ["ci", "render", "github", *words])


def test_workflows_are_written_once_and_a_difference_is_told(checkout):
    folder = checkout / workflows.FOLDER

    assert _render("--check").exit_code == Exit.CHANGES
    assert not folder.exists()
    assert _render().exit_code == Exit.DONE
    assert sorted(path.stem for path in folder.iterdir()) == sorted(workflows.NAMES)
    assert (_render("--check").exit_code, _render("--check").output) == (Exit.DONE, "")

    (folder / "drift.yaml").write_text((folder / "drift.yaml").read_text() + "# more\n")
    told = _render("--check")
    assert (told.exit_code, told.output) == (
        Exit.CHANGES,
        ".github/workflows/drift.yaml: would rewrite\n",
    )
    assert _render().output == ".github/workflows/drift.yaml: written\n"
    assert _render("--check").exit_code == Exit.DONE


def test_a_workflow_that_no_setting_asks_for_any_more_goes(checkout):
    _render()
    (checkout / workflows.SETTINGS).write_text("environments: {prod: {region: eu-west-1}}")

    assert "publish.yaml: removed" in _render().output
    assert not (checkout / workflows.FOLDER / "publish.yaml").exists()


def test_a_workflow_of_somebody_else_s_is_left_alone(checkout):
    theirs = checkout / workflows.FOLDER / "publish.yaml"
    theirs.parent.mkdir()
    theirs.write_text("name: theirs\n")

    assert isinstance(_render().exception, SettingsError)
    assert theirs.read_text() == "name: theirs\n"
    (checkout / workflows.SETTINGS).write_text("environments: {prod: {region: eu-west-1}}")
    assert _render().exit_code == Exit.DONE
    assert theirs.read_text() == "name: theirs\n"


def test_a_checkout_without_settings_is_told_what_is_missing(checkout):
    (checkout / workflows.SETTINGS).unlink()

    assert "expected what is to be served" in str(_render().exception)
