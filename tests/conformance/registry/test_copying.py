"""Images copied between two real registries: byte by byte, whole, killed in the middle, with a wrong login."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import pytest

from atoll.core.errors import ArgsError, RefusedError, UnavailableError
from atoll.registry import copying
from atoll.registry.client import INDEXES, Client
from atoll.registry.copy_effects import CopiedImage
from atoll.registry.copying import Side
from atoll.registry.logins import Login, docker_config
from atoll.toolchain import cache
from conformance.kubernetes.programs import Program
from conformance.registry.conftest import Driven, Oci
from harness import images, registry
from harness.images import Pusher
from harness.registry import Door

pytestmark = pytest.mark.timeout(120)
_MB = 1 << 20


def _login(served, address=None, password=registry.PASSWORD):
    return Login(address or served.host, registry.USER, password, served.authority)


@pytest.fixture(scope="module")
def source():
    """The registry of another environment."""
    with tempfile.TemporaryDirectory(prefix="copied-") as folder, registry.served(Path(folder)) as made:
        yield made


@pytest.fixture
def other():
    """A registry of the test's own, which it may kill."""
    with tempfile.TemporaryDirectory(prefix="copied-") as folder, registry.served(Path(folder)) as made:
        yield made


@pytest.fixture
def logged_in(source, tmp_path, monkeypatch):
    """Docker's clients of this machine know a login to the source."""

    def known(password=registry.PASSWORD):
        (tmp_path / "config.json").write_text(docker_config(_login(source, password=password)))
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    return known


@pytest.fixture
def promoted(source, of_machine, logged_in, name):
    """What copies an image of the source to a repository of this machine's registry, with a login that fits."""
    logged_in()

    def made(digest, **inputs):
        given = {
            "source": f"{source.host}/{name}@{digest}",
            "sourceAuthority": source.authority,
            "target": f"{of_machine.place.address}/prod/{name}",
            "targetRegistry": of_machine.reference,
            "tags": [],
            "keep": True,
        }
        return Driven(CopiedImage(), {**given, **inputs})

    return made


def test_an_image_of_several_platforms_is_whole_and_the_same_and_comes_back(
    promoted, source, of_machine, name
):
    there = Pusher(_login(source))
    digest = there.index(name, "1", {"amd64": b"one", "arm64": b"two"})
    copied = promoted(digest, tags=["1.4", "stable"])

    copied.create()

    repository = f"prod/{name}"
    assert copied.outputs == {"ref": f"{of_machine.place.address}/{repository}@{digest}"}
    client = Client(of_machine.login())
    found = client.manifest(repository, digest)
    assert found == Client(_login(source)).manifest(name, digest)
    assert found
    assert found.media_type in INDEXES
    for each in found.document["manifests"]:
        of_machine.pusher.pull(repository, each["digest"])
    assert client.digest(repository, "1.4") == client.digest(repository, "stable") == digest
    assert copied.refresh() == set()

    # A tag that somebody moved, and an image that somebody deleted, are found and put back.
    of_machine.push(repository, "stable")
    assert copied.refresh() == {"tags"}
    copied.update()
    assert client.digest(repository, "stable") == digest
    of_machine.pusher.delete(repository, digest)
    assert copied.read() is None
    copied.create()
    assert client.digest(repository, "1.4") == digest

    # It goes only where that was said before.
    copied.delete()
    assert client.digest(repository, digest) == digest
    copied.update(keep=False)
    copied.delete()
    copied.delete()
    assert client.digest(repository, digest) is None


_PROGRAM = """
import pulumi
from atoll.registry import *

here = Registry("copies", RegistryArgs(kind=RegistryKind.OCI, force_delete=True))
prod = Repository("prod", RepositoryArgs(registry=here, repository="prod/app", force_delete=True))
args = ImageCopyArgs(source={source!r}, source_authority={authority!r}, target=prod, tags=["1"])
copy = ImageCopy("app", args)
pulumi.export("ref", copy.ref)
"""


def test_the_engine_copies_once_and_knows_no_password(engine, environment, source, logged_in, tmp_path):
    logged_in()
    digest = Pusher(_login(source)).push("by-engine", "1", b"a layer")
    program = Program(engine.home.parent / "copies", engine, "copies", "", "")
    program.environment = {
        "ATOLL_ENVIRONMENT": str(environment.folder),
        "ATOLL_CACHE": str(cache.folder()),
        "DOCKER_CONFIG": str(tmp_path),
    }
    text = _PROGRAM.format(source=f"{source.host}/by-engine@{digest}", authority=source.authority)
    (program.folder / "__main__.py").write_text(text)

    assert program.up().succeeded().ops["app-copied"] == "create"

    here = Oci.taken_up(environment, "copies")
    assert program.outputs() == {"ref": f"{here.place.address}/prod/app@{digest}"}
    assert here.holds("prod/app") == [digest]
    assert registry.PASSWORD not in program.state_text()
    assert program.up("--refresh").succeeded().ops == {}
    program.destroy().succeeded()


def test_what_is_there_is_taken_up_without_a_word_to_the_source(promoted, source, logged_in, name):
    digest = Pusher(_login(source)).push(name, "1", b"a layer")
    promoted(digest).create()

    logged_in("of-somebody-else")

    assert not promoted(digest).create().problems


def test_another_image_leaves_the_one_of_before(promoted, source, of_machine, name):
    there = Pusher(_login(source))
    first, second = there.push(name, "1", b"one"), there.push(name, "2", b"two")
    copied = promoted(first, tags=["live"])
    copied.create()

    copied.update(source=f"{source.host}/{name}@{second}")

    client = Client(of_machine.login())
    assert client.digest(f"prod/{name}", "live") == second
    assert set(of_machine.holds(f"prod/{name}")) == {first, second}
    assert copied.effect.changes(frozenset({"source"})) == {"ref"}
    # The same image from elsewhere is no change.
    assert copied.effect.same("source", f"a/b@{second}", f"c/d@{second}")


def test_a_layer_is_never_whole_in_memory_and_copied_once(source, other, name):
    layer = os.urandom(24 * _MB)
    there = Pusher(_login(source))
    digest = there.push(name, "1", layer)
    sides = Side(Client(_login(source)), name), Side(Client(_login(other)), "copy")
    tracemalloc.start()
    try:
        copying.copy(*sides, digest, lambda _line: None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < len(layer) / 2
    Pusher(_login(other)).pull("copy", digest)
    # Within one registry no byte moves: with a configuration of its own it is another image of the same layer.
    again = Pusher(_login(other)).push("copy", "2", layer, b'{"other": 1}')
    passed = Door(other.port, len(layer), lambda: None)
    try:
        same = Client(_login(other, passed.host))
        copying.copy(Side(same, "copy"), Side(same, "mounted"), again, lambda _line: None)
        assert passed._left > len(layer) / 2
    finally:
        passed.close()
    Pusher(_login(other)).pull("mounted", again)


def test_a_registry_that_dies_in_the_middle_is_one_line_and_the_next_run_completes(source, other, name):
    layers = [os.urandom(4 * _MB), os.urandom(4 * _MB)]
    digest = _of_two(Pusher(_login(source)), name, layers)
    door = Door(other.port, 6 * _MB, other.kill)
    side = Side(Client(_login(source)), name)
    said: list[str] = []
    try:
        target = Side(Client(_login(other, door.host)), "copy")
        with pytest.raises(
            UnavailableError, match=r"found no answer .*; expected a registry that answers"
        ) as told:
            copying.copy(side, target, digest, said.append)
        assert "\n" not in str(told.value)
        assert said[-1].endswith("blob 3 of 3")
        assert door.is_done.wait(30)
    finally:
        door.close()
    other.start()
    passed = Door(other.port, 1 << 40, lambda: None)
    try:
        copying.copy(side, Side(Client(_login(other, passed.host)), "copy"), digest, said.append)
        # The layer that was there did not go again.
        assert (1 << 40) - passed._left < 6 * _MB
    finally:
        passed.close()
    Pusher(_login(other)).pull("copy", digest)


_RUN = """
import json, sys
from atoll.registry import copying
from atoll.registry.client import Client
from atoll.registry.copying import Side
from atoll.registry.logins import Login

source, target, name, digest = json.load(sys.stdin)
sides = Side(Client(Login(*source)), name), Side(Client(Login(*target)), "copy")
copying.copy(*sides, digest, lambda _line: None)
"""


def test_a_run_that_is_killed_in_the_middle_leaves_no_half_image_and_the_next_completes(source, other, name):
    layers = [os.urandom(4 * _MB), os.urandom(4 * _MB)]
    digest = _of_two(Pusher(_login(source)), name, layers)
    running: list[subprocess.Popen[str]] = []

    def end():
        # It is dead before another byte goes through.
        running[0].kill()

    door = Door(other.port, 6 * _MB, end)
    sides = (_login(source), _login(other, door.host))
    told = [[each.address, each.user, each.password, each.authority] for each in sides]
    running.append(subprocess.Popen([sys.executable, "-c", _RUN], stdin=subprocess.PIPE, text=True))
    try:
        running[0].communicate(json.dumps([*told, name, digest]), timeout=60)
        assert running[0].returncode == -signal.SIGKILL
    finally:
        running[0].kill()
        door.close()
    client = Client(_login(other))
    assert client.digest("copy", digest) is None

    copying.copy(Side(Client(_login(source)), name), Side(client, "copy"), digest, lambda _line: None)

    Pusher(_login(other)).pull("copy", digest)


def _of_two(pusher, name, layers):
    """Pushes an image of two layers; returns its digest."""
    for blob in (b"{}", *layers):
        pusher.blob(name, blob)
    manifest = json.loads(images.manifest(b"{}", layers[0]))
    more = json.loads(images.manifest(b"{}", layers[1]))
    manifest["layers"] += more["layers"]
    answer = pusher._request(
        "PUT", f"/v2/{name}/manifests/1", json.dumps(manifest).encode(), {"Content-Type": images.MANIFEST}
    )
    assert answer.status == 201
    return answer.headers["Docker-Content-Digest"]


def test_a_wrong_login_is_one_clear_line_without_the_password(promoted, source, logged_in, name):
    digest = Pusher(_login(source)).push(name, "1", b"a layer")
    logged_in("of-somebody-else")

    with pytest.raises(
        RefusedError, match=r"found a refusal of crab \(401.*\); expected to be let in"
    ) as told:
        promoted(digest).create()

    assert name in str(told.value)
    assert "of-somebody-else" not in str(told.value)


def test_what_is_not_there_or_is_named_by_a_tag_is_one_clear_line(promoted, source, of_machine, name):
    absent = f"sha256:{'0' * 64}"
    with pytest.raises(RefusedError, match=f"{absent}: found none in its registry; expected it there"):
        promoted(absent).create()
    with pytest.raises(UnavailableError, match="certificate verify failed"):
        promoted(absent, sourceAuthority="").create()
    with pytest.raises(
        ArgsError, match=f"found its registry at {of_machine.place.address}; expected {source.host}"
    ):
        promoted(absent, sourceRegistry=of_machine.reference).create()

    wrong = CopiedImage().check({"source": f"{source.host}/{name}:1", "tags": ["a b", "fine"]})
    assert [each.name for each in wrong] == ["source", "tags"]
    assert "found a tag alone; expected its digest" in wrong[0].reason
    assert wrong[1].reason == "found 'a b'; expected tags of images"
