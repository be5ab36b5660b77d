"""Plans of a real environment: bound to what they were made from, applied exactly, or not at all."""

import contextlib
import json
import stat
import sys

import pytest

from atoll.automation import sealing
from atoll.core.errors import Exit
from e2e import looking

pytestmark = pytest.mark.timeout(600)
GIT = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost"]
IMAGE = "registry.k8s.io/pause:3.9"
SPARE = "urn:pulumi:test::atoll::atoll:index:Key$atoll:index:KmsKey::spare-kms"
BEACON = "urn:pulumi:test::atoll::atoll:index:Propagation::beacon"
BETWEEN = """
import pathlib, subprocess, sys
from atoll.automation.command_line import main
from atoll.automation.engine import Engine

last_moment = Engine.apply

def apply(self, *words):
    self._run("state", "protect", {urn!r}, "--yes")
    path = pathlib.Path("stacks/test.yaml")
    path.write_text(path.read_text() + "# another line\\n")
    subprocess.run([*{git!r}, "commit", "--quiet", "--allow-empty", "-m", "another"], check=True)
    return last_moment(self, *words)

Engine.apply = apply
sys.argv = ["atoll", "up", "test", "--plan", {plan!r}]
main()
"""
"""The command, but that everything moves in the moment between its own look and the engine's lock."""


def _image(inventory):
    inventory.update(vars={"image": IMAGE})


def _key(inventory):
    inventory["keys"] = {"spare": {"description": "for this test"}}


@contextlib.contextmanager
def _another_commit(checkout):
    checkout.run([*GIT, "commit", "--quiet", "--allow-empty", "-m", "another"])
    try:
        yield
    finally:
        checkout.run(["git", "reset", "--quiet", "--soft", "HEAD~1"])


@contextlib.contextmanager
def _another_plugin(checkout):
    """The command of a checkout whose code asks for another version of the plugin."""
    code = checkout.folder / "components" / "atoll" / "provider" / "versions.py"
    before = code.read_text()
    other = checkout.repinned({})
    code.write_text(before.replace('KUBERNETES = "', 'KUBERNETES = "9'))
    try:
        yield other
    finally:
        code.write_text(before)
        # The launchers of the plugins name the interpreter that runs them.
        checkout.report("up", "test", "--check", code=None)


def _state(checkout):
    return sealing.kept(checkout.environment("test")).read_bytes()


def _refused(checkout, plan, *lines):
    """A plan is refused, these things are named, and nothing else happens."""
    before = _state(checkout)
    said = checkout.atoll("up", "test", "--plan", str(plan), code=Exit.STALE_PLAN)
    found = said.stderr.splitlines()
    assert [line for line in lines if not any(each.startswith(line) for each in found)] == [], said.stderr
    assert found[-1].endswith(f". Plan again: atoll plan test --out {plan}")
    assert _state(checkout) == before
    return found


def _secrets(value):
    """The plain texts of all secrets in an opened state."""
    if isinstance(value, dict):
        if isinstance(value.get("plaintext"), str):
            yield from _texts(json.loads(value["plaintext"]))
        for each in value.values():
            yield from _secrets(each)
    elif isinstance(value, list):
        for each in value:
            yield from _secrets(each)


def _texts(value):
    # Whom to trust is told to everybody, though it stands in secrets too.
    if isinstance(value, str) and len(value) > 11 and not value.startswith("-----BEGIN CERTIFICATE"):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def test_a_plan_is_refused_with_what_moved_since_it_was_made(up, tmp_path):
    checkout, _ = up
    plan = tmp_path / "plan.atoll"
    with checkout.edited("test", _image):
        checkout.atoll("plan", "test", "--out", str(plan))

        with checkout.edited("test", _key):
            lines = _refused(checkout, plan, "stacks/test.yaml: found another content; expected ")
            assert len(lines) == 1
        with _another_commit(checkout):
            lines = _refused(checkout, plan, "commit: found ")
            assert len(lines) == 1
        with _another_plugin(checkout) as other:
            lines = _refused(other, plan, "plugin kubernetes: found 94.", "checkout: found other changes to ")
            assert len(lines) == 2
        (checkout.folder / "forgotten.txt").write_text("nobody knows")
        try:
            _refused(checkout, plan, "checkout: found other changes to forgotten.txt; expected ")
        finally:
            (checkout.folder / "forgotten.txt").unlink()
        checkout.shell("test", f"pulumi state protect '{BEACON}' --yes")
        try:
            lines = _refused(checkout, plan, "state: found Propagation beacon changed; expected ")
            assert len(lines) == 1
        finally:
            checkout.shell("test", f"pulumi state unprotect '{BEACON}' --yes")


def test_what_moves_in_the_last_moment_is_found_under_the_engines_lock(up, tmp_path):
    checkout, _ = up
    plan = tmp_path / "plan.atoll"
    script = BETWEEN.format(urn=BEACON, git=GIT, plan=str(plan))
    with checkout.edited("test", _image):
        checkout.atoll("plan", "test", "--out", str(plan))
        try:
            said = checkout.run([sys.executable, "-c", script], code=Exit.STALE_PLAN)
        finally:
            checkout.run(["git", "reset", "--quiet", "--soft", "HEAD~1"])
            checkout.shell("test", f"pulumi state unprotect '{BEACON}' --yes")

    named = [line.partition(":")[0] for line in said.stderr.splitlines()]
    assert named == ["commit", "stacks/test.yaml", "state"], said.stderr
    assert "Propagation beacon changed" in said.stderr
    assert looking.image(checkout, "test", "tern") != IMAGE
    assert checkout.report("up", "test")["changes"] == []


def test_an_untouched_plan_does_exactly_what_it_says(up):
    checkout, _ = up
    plan = checkout.folder / "plan.atoll"

    def changed(inventory):
        _image(inventory)
        _key(inventory)

    with checkout.edited("test", changed):
        planned = checkout.report("plan", "test", "--out", "plan.atoll")
        assert checkout.run(["git", "status", "--porcelain"]).stdout == " M stacks/test.yaml\n"
        written = plan.read_text()
        done = checkout.report("up", "test", "--plan", "plan.atoll")
        again = _refused(checkout, plan.name, "state: found ")

    exported = json.loads(checkout.shell("test", "pulumi stack export --show-secrets").stdout)
    secrets = set(_secrets(exported))
    assert len(secrets) > 5
    assert not any(secret in written or json.dumps(secret)[1:-1] in written for secret in secrets)
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    told = json.loads(written)
    assert any(IMAGE in line for line in told["diff"])
    plan.unlink()
    assert {(each["urn"], each["verb"]) for each in done["changes"]} == {
        (each["urn"], each["verb"]) for each in planned["changes"]
    }
    assert {each["urn"] for each in planned["changes"]} >= {SPARE}
    assert any("KmsKey spare-kms new" in line for line in again)
    assert {looking.image(checkout, "test", name) for name in looking.MEMBERS} == {IMAGE}
    checkout.report("up", "test")


def test_what_holds_data_goes_from_a_protected_environment_only_when_it_is_named(up, tmp_path):
    checkout, _ = up
    plan = tmp_path / "plan.atoll"
    with checkout.edited("test", _key):
        checkout.report("up", "test")

    with checkout.edited("test", lambda it: it.update(protect=True)):
        before = _state(checkout)
        said = checkout.atoll("up", "test", code=Exit.REFUSED)
        assert "found KmsKey spare-kms deleted; expected each of them to be confirmed" in said.stderr
        assert said.stderr.rstrip().endswith("--confirm spare-kms")
        planned = checkout.report("plan", "test", "--out", str(plan))
        checkout.atoll("up", "test", "--plan", str(plan), "--confirm", "other", code=Exit.REFUSED)
        assert _state(checkout) == before
        done = checkout.report("up", "test", "--plan", str(plan), "--confirm", "spare-kms")
        assert checkout.report("up", "test")["changes"] == []
    with checkout.edited("test", lambda it: (_key(it), it.update(protect=True))):
        checkout.report("up", "test")
    with checkout.edited("test", lambda it: it.update(protect=True)):
        # What was made under protection the engine itself keeps.
        said = checkout.atoll("up", "test", code=Exit.REFUSED)
        assert "found the end of KmsKey spare-kms; expected each of them to be confirmed" in said.stderr
        checkout.report("up", "test", "--confirm", "spare-kms")
        assert checkout.report("up", "test")["changes"] == []
    checkout.report("up", "test")

    assert looking.changed(done) == looking.changed(planned) == {"Key spare", "KmsKey spare-kms"}


def test_a_plan_that_cannot_be_written_or_read_is_refused_before_anything_is_done(checkout, tmp_path):
    nowhere = checkout.atoll("plan", "test", "--out", str(tmp_path / "no" / "plan"), code=Exit.SETTINGS)
    none = checkout.atoll("up", "test", "--plan", str(tmp_path / "none"), code=Exit.SETTINGS)
    both = checkout.atoll("up", "test", "--plan", "x", "--forget", "tern", code=Exit.SETTINGS)
    (tmp_path / "cut").write_text('{"format": 1')
    cut = checkout.atoll("up", "test", "--plan", str(tmp_path / "cut"), code=Exit.REFUSED)

    assert [len(said.stderr.splitlines()) for said in (nowhere, none, both, cut)] == [1, 1, 1, 1]
