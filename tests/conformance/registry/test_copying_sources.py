"""Where images are copied from: real registries that ask for tokens, behind TLS of their own, and ECR by its requests."""

import base64
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import urllib3

from atoll.core.errors import RefusedError, UnavailableError
from atoll.registry import copying
from atoll.registry.client import Client
from atoll.registry.copy_effects import CopiedImage
from atoll.registry.copying import Side
from atoll.registry.logins import Login, docker_config
from conformance.registry.conftest import Driven
from harness import registry, tokens
from harness.images import Pusher

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def service():
    with tokens.served() as made:
        yield made


@pytest.fixture(scope="module")
def plain():
    """A registry with a login, by which tests put images into the storage of the one that asks for tokens."""
    with tempfile.TemporaryDirectory(prefix="plain-") as folder, registry.served(Path(folder)) as made:
        yield made


@pytest.fixture(scope="module")
def asking(service, plain):
    """A registry that asks for tokens."""
    with (
        tempfile.TemporaryDirectory(prefix="asking-") as folder,
        registry.served(Path(folder), plain.storage, service) as made,
    ):
        yield made


@pytest.fixture
def push(plain):
    def pushed(name, layer=b"a layer"):
        login = Login(plain.host, registry.USER, registry.PASSWORD, plain.authority)
        return Pusher(login).push(name, "1", layer)

    return pushed


@pytest.fixture
def trusted(asking, service):
    """Whom to trust: two authorities, the registry's and that of its tokens."""
    service.given.clear()
    service.life = 60
    return asking.authority + service.authority


@pytest.fixture
def login(asking, trusted):
    return Login(asking.host, registry.USER, registry.PASSWORD, trusted)


@pytest.fixture
def copied(asking, trusted, of_machine, tmp_path, monkeypatch):
    """What copies an image of the registry to this machine's, as a user whom Docker's clients know, or as nobody."""

    def made(name, digest, password="", authority=trusted):
        if password:
            known = docker_config(Login(asking.host, registry.USER, password))
            (tmp_path / "config.json").write_text(known)
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        given = {
            "source": f"{asking.host}/{name}@{digest}",
            "sourceAuthority": authority,
            "target": f"{of_machine.place.address}/from/{name}",
            "targetRegistry": of_machine.reference,
            "tags": ["1"],
            "keep": True,
        }
        return Driven(CopiedImage(), given)

    return made


def test_an_image_comes_from_a_registry_that_asks_for_tokens(copied, push, service, of_machine, name):
    digest = push(name)

    copied(name, digest, registry.PASSWORD).create()

    of_machine.pusher.pull(f"from/{name}", digest)
    # One token is enough for all that a copy asks its source.
    assert service.given == [(registry.USER, (f"repository:{name}:pull",))]


def test_nobody_gets_what_is_public_and_is_refused_the_rest_in_one_line(copied, push, of_machine, name):
    public = f"{tokens.PUBLIC}{name}"

    copied(public, digest := push(public)).create()

    of_machine.pusher.pull(f"from/{public}", digest)
    refused = copied(name, push(name))
    with pytest.raises(
        RefusedError, match=r"found a refusal of somebody without a login \(401.*\); expected to be let in"
    ):
        refused.create()


def test_a_wrong_password_is_one_line_without_it(copied, push, name):
    made = copied(name, push(name), "of-somebody-else")

    with pytest.raises(RefusedError, match=r"a refusal of crab \(401, .?a wrong password") as told:
        made.create()

    assert "of-somebody-else" not in str(told.value)
    assert "\n" not in str(told.value)


def test_who_trusts_the_registry_but_not_its_tokens_is_told_so(copied, push, asking, service, name):
    made = copied(name, push(name), registry.PASSWORD, asking.authority)

    with pytest.raises(UnavailableError, match="certificate verify failed"):
        made.create()

    assert service.given == []


def _actions(scopes):
    """What is asked for of each repository; the registry names the actions in no order."""
    parts = [scope.split(":") for scope in scopes]
    return {repository: set(actions.split(",")) for _kind, repository, actions in parts}


def test_a_copy_into_it_takes_over_what_another_of_its_repositories_has(login, push, service, name):
    digest = push(name, os.urandom(1 << 20))
    client = Client(login)

    copying.copy(Side(client, name), Side(client, f"{name}-copy"), digest, lambda _line: None)

    Side(client, f"{name}-copy").client.manifest(f"{name}-copy", digest)
    both = {f"{name}-copy": {"pull", "push"}, name: {"pull"}}
    assert both in [_actions(scopes) for _, scopes in service.given]
    assert client.digest(f"{name}-copy", digest) == digest


def test_a_token_is_renewed_before_it_ends(login, push, service, name, monkeypatch):
    digest, client = push(name), Client(login)
    clock = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    assert client.digest(name, digest) == client.digest(name, digest) == digest
    assert len(service.given) == 1

    clock[0] += service.life / 2

    assert client.digest(name, digest) == digest
    assert len(service.given) == 2


def test_what_was_sent_with_a_token_that_ended_is_one_line_and_the_next_run_completes(
    plain, login, push, name, monkeypatch
):
    digest, copy = push(name), f"{name}-copy"
    source = Side(Client(Login(plain.host, registry.USER, registry.PASSWORD, plain.authority)), name)
    target = Client(login)
    real = target._next

    def later(answer):
        target._tokens[copy] = replace(target._tokens[copy], header={"Authorization": "Bearer of-before"})
        return real(answer)

    with monkeypatch.context() as patch:
        patch.setattr(target, "_next", later)
        with pytest.raises(UnavailableError, match="found its token ended; expected one that lasts"):
            copying.copy(source, Side(target, copy), digest, lambda _line: None)

    copying.copy(source, Side(target, copy), digest, lambda _line: None)

    assert target.digest(copy, digest) == digest


@pytest.mark.parametrize("told", [{}, {"token": ""}, []], ids=["nothing", "empty", "no-object"])
def test_a_service_that_gives_no_token_is_one_line(login, service, name, told, monkeypatch):
    monkeypatch.setattr(service, "_answer", lambda *_: (200, told))

    with pytest.raises(UnavailableError, match=f"found no token at {service.realm}; expected a JSON object"):
        Client(login).digest(name, "1")


def test_the_login_to_ecr_as_a_source_is_a_token_for_its_own_address(of_ecr, of_machine, name, monkeypatch):
    """No registry of ECR is here: what it would be asked is recorded, and it says that it has no such image."""
    asked = []

    def answer(_pool, method, url, **more):
        asked.append((method, url, more["headers"]))
        return urllib3.HTTPResponse(status=404)

    address, digest = of_ecr.login().address, f"sha256:{'1' * 64}"
    given = {
        "source": f"{address}/{name}@{digest}",
        "sourceRegistry": of_ecr.reference,
        "target": f"{of_machine.place.address}/from/{name}",
        "targetRegistry": of_machine.reference,
        "tags": [],
    }
    with monkeypatch.context() as patch:
        patch.setattr(urllib3.PoolManager, "request", answer)
        with pytest.raises(RefusedError, match=f"image {address}/{name}@{digest}: found none"):
            Driven(CopiedImage(), given).create()

    method, url, headers = asked[-1]
    assert address.endswith(".dkr.ecr.us-east-1.amazonaws.com")
    assert (method, url) == ("GET", f"https://{address}/v2/{name}/manifests/{digest}")
    scheme, _, shown = headers.get("authorization", headers.get("Authorization")).partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(shown).decode() == f"AWS:{of_ecr.login().password}"
    assert "application/vnd.oci.image.index.v1+json" in headers["Accept"]
