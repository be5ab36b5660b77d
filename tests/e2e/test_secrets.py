"""No secret lies in plain where others could read it; the same search finds one that is planted."""

import base64
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from secrets import token_urlsafe

import psutil
import pytest

from atoll.automation import sealing, searching
from atoll.automation.searching import Betrayal
from atoll.core import x509
from atoll.core.errors import Exit
from atoll.kubernetes import Kubeconfig
from e2e import sealed_login
from e2e.looking import MEMBERS, processes


@pytest.fixture(scope="module", autouse=True)
def sealed(up):
    """Sealed values of the environment, delivered to all its members."""
    checkout, _ = up
    with sealed_login.delivered(checkout) as found:
        yield found


def secrets(checkout):
    """Every key and token that an environment holds, by what it is, as texts that would betray it."""
    found = searching.of_disk(checkout.environment("test"))
    plane = checkout.api("test", "control-plane")
    for secret in plane.items("v1", "Secret", "karmada-cluster"):
        token = base64.b64decode(secret["data"]["token"]).decode()
        # The head and the claims are the same for all tokens of an account; the signature is the secret part.
        found[f"token {secret['metadata']['name']}"] = token.rsplit(".", 1)[1]
    return found | {f"sealed {key}": value for key, value in sealed_login.PLAIN.items()}


def files(checkout):
    """Everything in files where no secret must be in plain, temporary ones too."""
    yield from searching.places(checkout.environment("test"))
    for path in checkout.temporary.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield str(path), path.read_bytes()


def of_processes(folder):
    """Arguments and variables of every process of an environment."""
    for process in processes(folder):
        yield f"argv of {process.name()}", "\0".join(process.cmdline()).encode()
        yield f"environment of {process.name()}", "\0".join(process.environ().values()).encode()


def test_no_key_and_no_token_stands_in_state_logs_stores_or_processes(up):
    checkout, _ = up
    found = secrets(checkout)
    environment = checkout.environment("test")

    assert len(found) > 30
    assert searching.betrayals(found, files(checkout)) == []
    # Others as well that name the environment's folder.
    assert searching.betrayals(found, of_processes(environment.folder)) == []


def test_the_engine_shows_no_secret(up):
    checkout, _ = up
    said = checkout.shell("test", "pulumi stack export && pulumi preview --diff --refresh --non-interactive")
    raised = checkout.shell("test", "pulumi up --yes --non-interactive --logtostderr -v=3")

    shown = [("export and preview", said.stdout.encode()), ("up", (raised.stdout + raised.stderr).encode())]

    assert searching.betrayals(secrets(checkout), shown) == []
    state = json.loads(said.stdout[: said.stdout.index("\n}\n") + 3])
    assert any("access" in each.get("outputs", {}) for each in state["deployment"]["resources"])


_FILES = {
    "state": "{environment.state}/.pulumi/planted.json",
    "history": "{environment.state}/.pulumi/history/planted.json",
    "backups": "{environment.state}/.pulumi/backups/planted.json",
    "logs": "{environment.logs}/planted.log",
    "stacks": "{checkout.folder}/stacks/Pulumi.planted.yaml",
    "temporary": "{checkout.temporary}/planted",
}


def _in_base64(value):
    return base64.b64encode(f"x{value}".encode()).decode()


@pytest.mark.parametrize("place", _FILES)
@pytest.mark.parametrize("form", [str, _in_base64], ids=["plain", "base64"])
def test_the_search_finds_what_is_planted_in_a_file(up, place, form):
    checkout, _ = up
    found = {"planted": token_urlsafe(40)}
    planted = Path(_FILES[place].format(checkout=checkout, environment=checkout.environment("test")))
    planted.parent.mkdir(exist_ok=True)
    planted.write_text(f"said: x{form(found['planted'])}\n")
    try:
        assert searching.betrayals(found, files(checkout)) == [Betrayal("planted", str(planted))]
    finally:
        planted.unlink()


@pytest.mark.parametrize("cluster", ["control-plane", "tern"])
def test_the_search_finds_what_is_planted_in_a_store(up, cluster):
    checkout, _ = up
    found = {"planted": token_urlsafe(40)}
    api, metadata = checkout.api("test", cluster), {"name": "planted", "namespace": "default"}
    # Unlike a Secret it is not encrypted at rest.
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": found}
    api.apply(manifest)
    try:
        places = {Path(each.where) for each in searching.betrayals(found, files(checkout))}
    finally:
        api.delete(manifest)

    data = checkout.environment("test").clusters / cluster
    assert places
    assert all(place.is_relative_to(data) for place in places)


def test_the_search_finds_what_is_planted_in_a_process(up):
    checkout, _ = up
    folder, found = checkout.environment("test").folder, {"planted": token_urlsafe(40)}
    sleeper = [sys.executable, "-c", "import time; time.sleep(100)", f"{folder}/planted", found["planted"]]
    with subprocess.Popen(sleeper, env={**os.environ, "PLANTED": _in_base64(found["planted"])}) as planted:
        try:
            found_in = searching.betrayals(found, of_processes(folder))
        finally:
            planted.kill()

    assert {each.where.split(" of ")[0] for each in found_in} == {"argv", "environment"}


def test_a_check_says_so_too_and_finds_what_is_planted_among_what_the_state_holds(up):
    checkout, _ = up
    planted = checkout.environment("test").logs / "planted.log"
    token = next(value for what, value in secrets(checkout).items() if what.startswith("token "))

    fine = checkout.report("secrets", "check", "test")
    planted.write_text(f"said: {token}\n")
    try:
        told = checkout.atoll("secrets", "check", "test", code=Exit.REFUSED)
    finally:
        planted.unlink()

    assert fine["betrayals"] == []
    assert fine["opened"] > 20
    assert fine["places"] > 50
    assert f"{planted}: found secret " in told.stderr


def test_a_new_data_key_opens_all_and_changes_nothing(up):
    checkout, _ = up
    environment = checkout.environment("test")
    before = sealing.data_keys(environment)

    report = checkout.report("secrets", "rekey", "test")

    assert report["secrets"] > 20
    assert len(sealing.data_keys(environment)) == 1
    assert not sealing.data_keys(environment) & before
    assert checkout.report("up", "test")["changes"] == []


def test_others_can_read_nothing(up):
    checkout, _ = up
    environment = checkout.environment("test")

    assert stat.S_IMODE(environment.folder.stat().st_mode) == 0o700
    secret = [*environment.clusters.rglob("*.key"), *environment.clusters.rglob("*.kubeconfig")]
    assert len(secret) > 20
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in secret} == {0}
    # A planted one is seen by the same look.
    planted = environment.folder / "planted.key"
    planted.touch(mode=0o644)
    planted.chmod(0o644)
    assert stat.S_IMODE(planted.stat().st_mode) & 0o077
    planted.unlink()


def test_every_address_asks_for_a_certificate_or_a_token(up):
    checkout, _ = up
    environment = checkout.environment("test")
    api = checkout.api("test", "tern")
    stranger = x509.leaf(x509.authority("stranger"), x509.Subject("system:admin", ("system:masters",)))

    for kubeconfig in (
        Kubeconfig(api.kubeconfig.server, api.kubeconfig.authority),
        Kubeconfig(api.kubeconfig.server, api.kubeconfig.authority, stranger.certificate, stranger.key),
    ):
        with pytest.raises(Exception, match=r"Unauthorized|alert"):
            type(api)(kubeconfig).request("GET", "/api/v1/secrets")
    assert Path(environment.folder).exists()
    assert psutil.pid_exists(int((environment.folder / "supervisord.pid").read_text()))


def test_sealed_values_arrive_as_a_secret_on_each_member(sealed):
    for member in MEMBERS:
        assert sealed.found(member) == sealed_login.PLAIN


def test_a_second_run_asks_for_no_sealed_value(sealed):
    calls, report = sealed.calls_of(lambda: sealed.checkout.report("up", "test"))

    assert report["changes"] == []
    # What the engine itself asks for, to open its state: as many calls as before there were sealed values.
    assert calls == sealed.engines_calls
    assert calls["Decrypt"] > 0
    checked, _ = sealed.calls_of(lambda: sealed.checkout.atoll("up", "test", "--check"))
    assert checked["Decrypt"] <= calls["Decrypt"]


def test_a_changed_ciphertext_changes_that_secret_alone(sealed):
    other = {**sealed_login.PLAIN, "password": "another password of the test, as long"}
    declared = sealed.declaration(other)
    declared[sealed_login.NAME]["values"]["user"] = sealed.declared[sealed_login.NAME]["values"]["user"]

    with sealed.instead(declared):
        calls, report = sealed.calls_of(lambda: sealed.checkout.report("up", "test"))
        assert [sealed.found(member) for member in MEMBERS] == [other, other]

    assert {each["urn"].rpartition("::")[2] for each in report["changes"]} == {
        sealed_login.NAME,
        f"control-plane-secret.{sealed_login.NAMESPACE}.{sealed_login.NAME}",
        f"{sealed_login.NAME}-sealed-status",
    }
    assert calls["Decrypt"] - sealed.engines_calls["Decrypt"] == 1
    sealed.checkout.report("up", "test")


def test_a_ciphertext_of_another_environment_is_refused_and_changes_nothing(sealed):
    with sealed.instead(sealed.declaration(sealed_login.PLAIN, environment="prod")):
        report = sealed.checkout.report("up", "test", "--check", code=1)
        sealed.checkout.report("up", "test", code=1)

    said = [each["text"] for each in report["problems"]]
    name = f"{sealed_login.NAME}/password"
    told = f"sealed for atoll/prod/{name}; expected one for atoll/test/{name} (it cannot be moved)"
    assert [text for text in said if told in text]
    assert {member: sealed.found(member) for member in MEMBERS} == dict.fromkeys(MEMBERS, sealed_login.PLAIN)


def test_a_key_of_the_inventory_seals_a_secret_as_well(sealed):
    checkout, keys = sealed.checkout, {"harbour": {"rotation": "365d", "tags": {"team": "blue"}}}
    with sealed.instead(sealed.declared, keys=keys):
        made = checkout.report("up", "test")
        with sealed.instead(sealed.declaration(sealed_login.PLAIN, under="harbour"), keys=keys):
            moved = checkout.report("up", "test")
            assert checkout.report("up", "test")["changes"] == []
            assert [sealed.found(member) for member in MEMBERS] == [sealed_login.PLAIN] * 2
        checkout.report("up", "test")
    checkout.report("up", "test")

    assert {each["urn"].rpartition("::")[2] for each in made["changes"]} == {"harbour", "harbour-kms"}
    # Sealed anew with the same values: what was delivered stays as it is.
    assert {each["urn"].rpartition("::")[2] for each in moved["changes"]} == {sealed_login.NAME}
