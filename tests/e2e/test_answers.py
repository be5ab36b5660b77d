"""Each exit code and each format by a real run, and what a terminal and a shell see of one."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess

import pytest
import yaml

from atoll.automation.answers import Format
from atoll.core.errors import Exit
from e2e import looking
from harness import reports

pytestmark = pytest.mark.timeout(600)
SETTINGS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "beacon"}}
IMPOSSIBLE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "nowhere", "namespace": "beacon"},
    "spec": {"ports": [{"port": 123456789}]},
}
PLACES = {"control-plane", "tern", "heron"}


@contextlib.contextmanager
def _as_it_is(_checkout):
    yield


@contextlib.contextmanager
def _changed(checkout):
    with checkout.edited("test", lambda it: it.update(vars={"logLevel": "debug"})):
        yield


@contextlib.contextmanager
def _impossible(checkout):
    def change(inventory):
        inventory["propagations"]["beacon"]["resources"].append(IMPOSSIBLE)

    with checkout.edited("test", change):
        yield


@contextlib.contextmanager
def _drifted(checkout):
    plane = checkout.api("test", "control-plane")
    found = plane.get(SETTINGS)
    kept = {name: found["metadata"][name] for name in ("name", "namespace", "labels", "annotations")}
    plane.apply({**SETTINGS, "metadata": kept, "data": {"level": "loud"}})
    try:
        yield
    finally:
        plane.apply({**SETTINGS, "metadata": kept, "data": found["data"]})


@contextlib.contextmanager
def _locked(checkout):
    with checkout.environment("test").locked("up"):
        yield


CASES = [
    (Exit.DONE, Format.JSON, "recap test", _as_it_is),
    (Exit.DONE, Format.HUMAN, "drift test", _as_it_is),
    (Exit.FAILED, Format.JUNIT, "up test --check", _impossible),
    (Exit.SETTINGS, Format.MARKDOWN, "refresh tset", _as_it_is),
    (Exit.REFUSED, Format.NDJSON, "up test --forget tern", _as_it_is),
    (Exit.UNAVAILABLE, Format.JUNIT, "recap test", looking.frozen),
    (Exit.CHANGES, Format.MARKDOWN, "up test --check", _changed),
    (Exit.CHANGES, Format.NDJSON, "up test --check", _changed),
    (Exit.DRIFT, Format.JUNIT, "drift test", _drifted),
    (Exit.LOCKED, Format.JSON, "refresh test", _locked),
]
TOLD = {
    (Exit.FAILED, Format.JUNIT): r'<error type="FAILED"[^<]*123456789',
    (Exit.SETTINGS, Format.MARKDOWN): r"bad settings or arguments(.|\n)*Did you mean 'test'\?",
    (Exit.REFUSED, Format.NDJSON): r"clusters.tern: found it declared",
    (Exit.UNAVAILABLE, Format.JUNIT): r'testsuite name="heron"(.|\n)*<error type="unreachable"',
    (Exit.CHANGES, Format.MARKDOWN): r"would be updated `ConfigMap control-plane-configmap.beacon.settings`",
    (Exit.CHANGES, Format.NDJSON): r'"type":"result"',
    (Exit.DRIFT, Format.JUNIT): r'<failure type="drift" message="drifted: data',
    (Exit.LOCKED, Format.JSON): r"`atoll up` at work",
    (Exit.DONE, Format.JSON): r'"unreachable": null',
    (Exit.DONE, Format.HUMAN): r"RECAP\ncontrol-plane : ok=\d+",
}
"""What is in the answer because of the situation."""


@pytest.mark.parametrize(
    ("code", "form", "line", "situation"), CASES, ids=[f"{code.name}-{form}" for code, form, _, _ in CASES]
)
def test_a_run_ends_with_its_exit_code_and_answers_in_its_format(up, code, form, line, situation):
    checkout, _ = up
    with situation(checkout):
        done = checkout.atoll(*line.split(), "--format", form, code=None)

    assert done.returncode == code, done.stdout + done.stderr
    reports.check(form, done.stdout)
    assert re.search(TOLD[code, form], done.stdout), done.stdout
    if form in {Format.JSON, Format.NDJSON}:
        last = json.loads(done.stdout if form is Format.JSON else done.stdout.splitlines()[-1])
        assert last["exit"] == code
        assert set(last["clusters"]) == (PLACES if code in {Exit.DONE, Exit.CHANGES} else set())


def test_an_interrupted_run_says_so_with_its_exit_code_and_was_heard_meanwhile(up):
    checkout, _ = up
    run = subprocess.Popen(
        [checkout.command, "drift", "test", "--format", "ndjson"],
        cwd=checkout.folder,
        env=checkout.variables,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert run.stdout is not None
    first = run.stdout.readline()
    # The run has told something, and has not ended.
    assert run.poll() is None
    run.send_signal(signal.SIGINT)
    rest, _ = run.communicate()

    assert run.returncode == Exit.INTERRUPTED
    reports.check(Format.NDJSON, first + rest)
    assert json.loads(rest.splitlines()[-1])["exit"] == Exit.INTERRUPTED


def _on_a_terminal(checkout, *words, **variables):
    """What a command writes onto a terminal of its own, and its exit code."""
    reading, writing = pty.openpty()
    known = {
        name: value for name, value in checkout.variables.items() if name not in {"NO_COLOR", "FORCE_COLOR"}
    }
    run = subprocess.Popen(
        [checkout.command, *words],
        cwd=checkout.folder,
        env={**known, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40", **variables},
        stdin=writing,
        stdout=writing,
        stderr=writing,
    )
    os.close(writing)
    found = b""
    # A terminal that nobody holds any more is an error to its reader.
    with contextlib.suppress(OSError):
        while said := os.read(reading, 65536):
            found += said
    os.close(reading)
    return run.wait(), found.decode()


def test_a_terminal_sees_each_cluster_at_work_and_destroy_leaves_nothing_of_it(checkout):
    name = "atoll-answers"
    path = checkout.folder / "stacks" / f"{name}.yaml"
    path.write_text(
        yaml.safe_dump({"controlPlane": {"driver": "local"}, "clusters": {"gull": {"driver": "local"}}})
    )
    try:
        code, said = _on_a_terminal(checkout, "up", name)
        assert code == Exit.DONE, said
        assert re.search(r"\x1b\[1A\x1b\[2K", said)
        assert re.search(r"\x1b\[33mchanged", said)
        assert re.search(
            r"gull +\S*ok=0.*LocalCluster gull-local: creating|gull +.*waiting for its API server", said
        )
        exported = checkout.report("outputs", name)
        assert set(exported["clusters"]) == {"gull"}
        assert checkout.atoll("outputs", name, "controlPlane").stdout.startswith('{"endpoint": "https://')
        assert (
            "Did you mean 'clusters'?"
            in checkout.atoll("outputs", name, "cluster", code=Exit.SETTINGS).stderr
        )
        folder = checkout.environment(name).clusters / "gull"
        assert looking.processes(folder)

        code, said = _on_a_terminal(checkout, "destroy", name, "--check", NO_COLOR="1")
        assert code == Exit.CHANGES, said
        assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", said)
        assert looking.processes(folder)
        report = checkout.report("destroy", name)

        assert {each["verb"] for each in report["changes"]} == {"deleted"}
        assert all(not each["unreachable"] for each in report["clusters"].values())
        assert not folder.exists()
        assert looking.processes(folder) == []
        assert checkout.report("destroy", name)["changes"] == []
        assert checkout.report("outputs", name) == {}
    finally:
        checkout.atoll("down", name, "--force", code=None)
        path.unlink()


def test_bash_completes_the_names_of_an_inventory(checkout):
    script = (
        f'eval "$({checkout.command} --show-completion bash)"\n'
        f"COMP_WORDS=({checkout.command} kubeconfig test te); COMP_CWORD=3\n"
        f"_atoll_completion {checkout.command}\n"
        'echo "${COMPREPLY[@]}"'
    )
    checkout.variables["SHELL"] = "/bin/bash"

    assert checkout.run(["bash", "-c", script]).stdout.split() == ["tern"]
