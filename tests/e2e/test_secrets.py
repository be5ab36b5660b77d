"""No secret lies in plain where others could read it; the same search finds one that is planted."""

import base64
import json
import stat
from pathlib import Path

import psutil
import pytest
import yaml

from atoll.core import x509
from atoll.kubernetes import Kubeconfig
from e2e.looking import processes

pytestmark = pytest.mark.timeout(200)
_SHORT = 24
"""Characters of a key that are searched for: long enough to be its own, short enough to survive a line break."""
_RSA_PRIVATE_LINE = 8
"""In this line of an RSA key in PKCS 8 stands the private exponent; an EC key has its scalar in the second."""


def secrets(checkout):
    """Every key and token that an environment holds, by what it is, as texts that would betray it."""
    environment = checkout.environment("test")
    found = {"passphrase": (environment.folder / "passphrase").read_text().strip()}
    for path in environment.clusters.glob("*/pki/**/*.key"):
        found[str(path.relative_to(environment.clusters))] = _body(path.read_bytes())
    for path in environment.clusters.glob("*/pki/encryption.yaml"):
        providers = yaml.safe_load(path.read_text())["resources"][0]["providers"]
        found[f"{path.parts[-3]} encryption at rest"] = providers[0]["secretbox"]["keys"][0]["secret"]
    plane = checkout.api("test", "control-plane")
    for secret in plane.items("v1", "Secret", "karmada-cluster"):
        token = base64.b64decode(secret["data"]["token"]).decode()
        # The head and the claims are the same for all tokens of an account; the signature is the secret part.
        found[f"token {secret['metadata']['name']}"] = token.rsplit(".", 1)[1]
    return found


def _body(key: bytes) -> str:
    """A part of a PEM key that is private: the head is the same for all keys, and its other parts are public."""
    lines = key.decode().splitlines()[1:-1]
    is_rsa = len(lines) > _RSA_PRIVATE_LINE
    return lines[_RSA_PRIVATE_LINE if is_rsa else 1][: _SHORT + 2]


def betrayals(found, haystacks):
    """Where a secret stands in plain or in base64: (what, where)."""
    needles = {
        needle: what
        for what, value in found.items()
        for needle in (value[:_SHORT], *(_encoded(value, shift) for shift in range(3)))
    }
    return {
        (what, where)
        for where, text in haystacks
        for needle, what in needles.items()
        if needle.encode() in text
    }


def _encoded(value: str, shift: int) -> str:
    """Base64 of a secret as it looks behind `shift` other bytes, without its uncertain ends."""
    return base64.b64encode(b"\0" * shift + value.encode()).decode()[4 : 4 + _SHORT]


def files(checkout):
    """Everything in files that is neither a key's own file nor a kubeconfig."""
    environment = checkout.environment("test")
    for path in environment.folder.rglob("*"):
        is_own = "pki" in path.parts or path.name == "passphrase"
        if path.is_file() and not path.is_symlink() and not is_own and "bin" not in path.parts:
            # A store's log is filled up with zeros.
            yield str(path), path.read_bytes().rstrip(b"\0")
    for path in (checkout.folder / "stacks").iterdir():
        yield str(path), path.read_bytes()


def of_processes(folder):
    """Arguments and variables of every process of an environment."""
    for process in processes(folder):
        yield f"argv of {process.name()}", "\0".join(process.cmdline()).encode()
        yield f"environment of {process.name()}", "\0".join(process.environ().values()).encode()


def test_no_key_and_no_token_stands_in_state_logs_stores_or_processes(up):
    checkout, _ = up
    found = secrets(checkout)
    folder = checkout.environment("test").folder

    assert len(found) > 30
    assert betrayals(found, files(checkout)) == set()
    assert betrayals(found, of_processes(folder)) == set()


def test_the_engine_shows_no_secret(up):
    checkout, _ = up
    said = checkout.shell("test", "pulumi stack export && pulumi preview --diff --refresh --non-interactive")
    raised = checkout.shell("test", "pulumi up --yes --non-interactive --logtostderr -v=3")

    shown = [("export and preview", said.stdout.encode()), ("up", (raised.stdout + raised.stderr).encode())]

    assert betrayals(secrets(checkout), shown) == set()
    state = json.loads(said.stdout[: said.stdout.index("\n}\n") + 3])
    assert any("access" in each.get("outputs", {}) for each in state["deployment"]["resources"])


@pytest.mark.parametrize("how", ["plain", "base64"])
def test_the_search_finds_what_is_planted(up, how):
    checkout, _ = up
    found = secrets(checkout)
    what, value = next(iter(found.items()))
    planted = checkout.environment("test").logs / "planted.log"
    text = f"x{value}" if how == "plain" else base64.b64encode(f"x{value}".encode()).decode()
    planted.write_text(f"said: {text}\n")
    try:
        assert betrayals(found, files(checkout)) == {(what, str(planted))}
    finally:
        planted.unlink()


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
