"""An environment that is backed up while it works comes up elsewhere as the same one."""

import base64
import contextlib
import hashlib
import itertools
import json
import os
import threading
from pathlib import Path

import pyrage
import pytest
import yaml

from atoll.automation import searching
from atoll.core.errors import Exit
from atoll.kubernetes import Api, Kubeconfig
from atoll.registry.local import launch
from atoll.secrets.local import keeping, seat
from e2e import checkout as checkouts
from harness import images, waiting
from harness.images import Pusher

NAME, MEMBER = "small", "tern"
CLUSTERS = ("control-plane", MEMBER)
PASSWORD = "a sealed password of this test"
INVENTORY = {
    "controlPlane": {"driver": "local"},
    "clusters": {MEMBER: {"driver": "local", "nodes": 1}},
    "keys": {"app": {"tags": {"team": "blue"}}},
    "registries": {"depot": {"kind": "oci", "repositories": {"team/app": {}}}},
}
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def small(checkout):
    """A plane, a member, a key, and a sealed secret on the member: (checkout, a sealed file)."""
    declared = checkout.folder / "stacks" / f"{NAME}.yaml"
    declared.write_text(yaml.safe_dump(INVENTORY))
    try:
        checkout.report("up", NAME)
        plain = checkout.temporary / "plain"
        plain.write_text(PASSWORD)
        value = checkout.atoll(
            "secrets", "seal", NAME, "login/password", str(plain), "--key", f"alias/atoll-{NAME}-app"
        ).stdout.strip()
        login = {"namespace": "default", "groups": ["all"], "key": "app", "values": {"password": value}}
        declared.write_text(yaml.safe_dump({**INVENTORY, "sealedSecrets": {"login": login}}))
        assert checkout.report("up", NAME)["exit"] == 0
        _pusher(checkout).push("team/app", "1")
        sealed = checkout.temporary / "sealed"
        checkout.atoll("secrets", "seal", NAME, "a/file", str(plain), "--out", str(sealed))
        plain.unlink()
        yield checkout, sealed
    finally:
        checkout.atoll("down", NAME, "--force", code=None)
        declared.unlink()


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """Another checkout of another user, who has the same tools."""
    with checkouts.made() as made:
        cache = os.environ.get("ATOLL_CACHE", str(Path.home() / ".cache" / "atoll"))
        made.variables |= {"HOME": str(tmp_path_factory.mktemp("home")), "ATOLL_CACHE": cache}
        yield made
        made.atoll("down", NAME, "--force", code=None)


@pytest.fixture(scope="module")
def kept(small):
    """A backup that was made while somebody wrote: (file, identity, what was written until then, who they are)."""
    checkout, _ = small
    made = pyrage.x25519.Identity.generate()
    identity, target = checkout.temporary / "identity", checkout.temporary / "kept.age"
    identity.write_text(str(made))
    with _writing(checkout.api(NAME, MEMBER)) as written:
        waiting.until(lambda: len(written) > 5, "somebody writes")
        until = len(written)
        report = checkout.report("backup", NAME, "--out", str(target), "--recipient", str(made.to_public()))
    assert report["clusters"] == sorted(CLUSTERS)
    assert report["bytes"] == target.stat().st_size
    return target, identity, written[:until], _identities(checkout)


def _numbered(number):
    metadata = {"name": f"written-{number}", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"n": str(number)}}


@contextlib.contextmanager
def _writing(api):
    """Somebody who writes one object after the other, and fails with none; yields what was confirmed."""
    written, ended = [], threading.Event()

    def write():
        for number in itertools.count():
            if ended.is_set():
                return
            written.append(api.apply(_numbered(number))["metadata"]["name"])

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
        before = len(written)
        while len(written) < before + 5:
            assert thread.is_alive(), "a write failed"
    finally:
        ended.set()
        thread.join()


def _pusher(checkout):
    return Pusher(launch.login(checkout.environment(NAME), "depot"))


def _identities(checkout):
    """What tells that a cluster, its objects and its keys are the same ones and not made anew."""
    environment = checkout.environment(NAME)
    found = {}
    for name in CLUSTERS:
        folder = environment.clusters / name / "pki"
        api = Api(Kubeconfig.read((folder / "admin.kubeconfig").read_text()))
        found[name] = api.identifier()
        for path in [*sorted(folder.rglob("*.key")), folder / "ca.crt", folder / "encryption.yaml"]:
            found[f"{name} {path.name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
        for kind in ("Namespace", "Node", "Secret", "ServiceAccount"):
            for each in api.items("v1", kind):
                metadata = each["metadata"]
                found[f"{name} {kind} {metadata.get('namespace')} {metadata['name']}"] = metadata["uid"]
    for name in ("logins.json", "htpasswd", "uploads.key"):
        path = environment.folder / "registries" / "depot" / name
        found[f"depot {name}"] = hashlib.sha256(path.read_bytes()).hexdigest()
    found["depot image"] = images.digest(_pusher(checkout).pull("team/app", "1"))
    keys = keeping.read(seat.seat(environment).keys)
    return found | {f"kms {key.id}": hashlib.sha256(key.material.encode()).hexdigest() for key in keys}


def _is_the_same(checkout, kept, sealed):
    """Whether an environment has all that the one had that was backed up, and opens all that it sealed."""
    _, _, written, before = kept
    api = checkout.api(NAME, MEMBER)
    assert _identities(checkout) == before
    found = {each["metadata"]["name"] for each in api.items("v1", "ConfigMap", "default")}
    numbers = sorted(int(each.rpartition("-")[2]) for each in found if each.startswith("written-"))
    # All that was confirmed before, and of the rest none without those before it.
    assert len(numbers) >= len(written)
    assert numbers == list(range(len(numbers)))
    login = api.get(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": "default"}}
    )
    assert base64.b64decode(login["data"]["password"]).decode() == PASSWORD
    assert checkout.atoll("secrets", "open", NAME, "a/file", str(sealed)).stdout == PASSWORD
    checkout.atoll("secrets", "check", NAME)


def _restored(elsewhere, kept, *words):
    target, identity, *_ = kept
    return elsewhere.report("restore", NAME, str(target), "--identity", str(identity), *words)


def test_a_backup_betrays_no_secret_and_its_environment_goes_on(small, kept, elsewhere):
    checkout, _ = small
    # Whichever of the tests came first: what was restored elsewhere has the same ports.
    elsewhere.atoll("stop", NAME, code=None)
    checkout.atoll("start", NAME)
    secrets = searching.of_disk(checkout.environment(NAME)) | {"sealed": PASSWORD}

    assert len(secrets) > 20
    assert searching.betrayals(secrets, [("backup", kept[0].read_bytes())]) == []
    assert kept[0].stat().st_mode & 0o777 == 0o600
    assert checkout.report("up", NAME)["changes"] == []
    assert not checkout.report("status", NAME)["processes"][0]["restarts"]


def test_it_comes_up_elsewhere_as_the_same_and_in_its_own_place_again(small, kept, elsewhere):
    checkout, sealed = small
    # Its ports stay its own, so that they are free for the other machine that is this one.
    checkout.atoll("stop", NAME)
    elsewhere.atoll("down", NAME, "--force")
    elsewhere.atoll("restore", NAME, str(kept[0]), "--passphrase-file", str(kept[1]), code=Exit.SETTINGS)
    assert not list(elsewhere.home.glob(f"*/{NAME}"))

    restored = _restored(elsewhere, kept)
    up = elsewhere.report("up", NAME)

    assert (restored["ports"], restored["differing"]) == (True, [])
    assert (up["exit"], up["changes"], up["problems"]) == (0, [], [])
    _is_the_same(elsewhere, kept, sealed)
    assert elsewhere.report("refresh", NAME)["changes"] == []
    said = json.loads(elsewhere.shell(NAME, "pulumi stack export --show-secrets").stdout)
    assert "BEGIN" in json.dumps(said)
    folder = str(checkout.environment(NAME).folder)
    mentioned = [
        path
        for path in elsewhere.environment(NAME).folder.rglob("*")
        if path.is_file() and "state" not in path.parts and folder.encode() in path.read_bytes()
    ]
    assert mentioned == []

    _replaces(elsewhere, kept)

    _is_the_same(elsewhere, kept, sealed)


def _replaces(elsewhere, kept):
    """Whether one that is there already gives way when that is asked for, and not before."""
    target, identity, *_ = kept
    words = ("restore", NAME, str(target), "--identity", str(identity))
    assert "add --replace" in elsewhere.atoll(*words, code=Exit.REFUSED).stderr
    elsewhere.api(NAME, MEMBER).apply(_numbered(1_000_000))

    _restored(elsewhere, kept, "--replace")

    assert elsewhere.report("up", NAME)["changes"] == []


def test_where_its_ports_are_taken_it_has_others_and_the_second_up_changes_nothing(small, kept, elsewhere):
    checkout, sealed = small
    elsewhere.atoll("down", NAME, "--force")
    checkout.atoll("start", NAME)

    restored = _restored(elsewhere, kept)
    first, second = (elsewhere.report("up", NAME) for _ in range(2))

    assert restored["ports"] is False
    assert (first["exit"], second["exit"], second["changes"]) == (0, 0, [])
    found = _identities(elsewhere)
    assert {name: found.get(name) for name in kept[3]} == kept[3]
    assert elsewhere.atoll("secrets", "open", NAME, "a/file", str(sealed)).stdout == PASSWORD
    # Two of the same name and origin work side by side.
    assert checkout.report("up", NAME)["changes"] == []
