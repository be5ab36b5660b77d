"""Images by the real engine, the official plugin and a real buildkitd: built from scratch, pushed with a login, by digest."""

import contextlib
import hashlib
import io
import json
import os
import re
import signal
import textwrap
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest

from atoll import toolchain
from atoll.automation import leaving
from atoll.core import command
from atoll.core.effect import Context
from atoll.core.errors import ArgsError, RefusedError, UnavailableError
from atoll.host import Supervisor
from atoll.platform import inventory
from atoll.platform.inventory import ControlPlane, Inventory
from atoll.provider import plugins
from atoll.registry import ImageRef, credential_helper, docker, pinning
from atoll.registry.builder_effects import ImageBuilder
from atoll.registry.local import building, buildkit
from atoll.toolchain import cache
from conformance.kubernetes.programs import Program
from conformance.registry.conftest import Driven, Oci
from harness.waiting import until

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(bool(building.lacking()), reason=f"BuildKit: {building.lacking()}"),
]
_PREAMBLE = """
import pulumi
from atoll.registry import *

here = Registry("images", RegistryArgs(kind=RegistryKind.OCI, force_delete=True))
team = Repository("team", RepositoryArgs(registry=here, repository="team/app", force_delete=True))
builder = Builder("builder", BuilderArgs(registries=[here]))
image = Image("app", ImageArgs(builder=builder, context="app", repository=team, tags=["1"], {more}))
pulumi.export("ref", image.ref)
"""
_DOCKERFILE = """
FROM scratch
ARG GREETING=none
LABEL greeting=$GREETING
COPY program /program
COPY data /data
ENTRYPOINT ["/program"]
"""


class ImageProgram(Program):
    """A Pulumi project with an image of a static program of the toolchain."""

    def declare(self, more="", before=""):
        (self.folder / "__main__.py").write_text(textwrap.dedent(before + _PREAMBLE.format(more=more)))
        return self

    def context(self, data="one", megabytes=0):
        folder = self.folder / "app"
        folder.mkdir(exist_ok=True)
        (folder / "Dockerfile").write_text(_DOCKERFILE)
        (folder / "data").write_bytes(data.encode() + os.urandom(megabytes << 20))
        if not (folder / "program").exists():
            (folder / "program").hardlink_to(_copied(toolchain.ensure(["registry"])["registry"], self.folder))
        return self


def _copied(program: Path, folder: Path) -> Path:
    copy = folder / "program"
    copy.write_bytes(program.read_bytes())
    copy.chmod(0o755)
    return copy


@pytest.fixture(scope="module")
def building_engine(engine):
    plugins.install(engine.home, engine.pulumi, engine.variables, ["pulumi-resource-docker-build"])
    return engine


@pytest.fixture
def without_plugin(building_engine, monkeypatch):
    """A machine on which the plugin that asks for images cannot be had, for a while."""

    def install():
        home, wanted = building_engine.home, [buildkit.PLUGIN]
        return plugins.install(home, building_engine.pulumi, building_engine.variables, wanted)[-1].kind

    @contextlib.contextmanager
    def absent():
        find = toolchain.find
        with monkeypatch.context() as patch:
            patch.setattr(toolchain, "find", lambda name: None if name == buildkit.PLUGIN else find(name))
            assert install() is plugins.Kind.MISSING
        try:
            yield
        finally:
            assert install() is plugins.Kind.BUILT

    return absent


@pytest.fixture
def program(building_engine, environment, request):
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40]
    made = ImageProgram(building_engine.home.parent / name, building_engine, name, name, "")
    made.environment = {
        "ATOLL_ENVIRONMENT": str(environment.folder),
        "ATOLL_CACHE": str(cache.folder()),
        **docker.variables(environment),
    }
    yield made.context()
    if building.exists(environment):
        # A test that failed leaves nothing to the next one.
        made.destroy()


@pytest.fixture
def urn(program):
    """What names the image alone, so that a run looks at nothing that it stands on."""
    return lambda: program.state()["app-image"]["urn"]


def _manifest(here, ref):
    repository, _, digest = ref.partition("/")[2].partition("@")
    path = here.place.storage / "docker/registry/v2/blobs/sha256" / digest[7:9] / digest[7:] / "data"
    assert digest in here.holds(repository)
    return json.loads(path.read_text())


def test_a_builder_that_a_killed_run_began_goes_when_nobody_declares_one(environment, tmp_path):
    def declared(**images):
        return Inventory("e", tmp_path, ControlPlane("local"), {}, {}, {}, images=images)

    place = building.seat(environment)
    building.write(place, {})
    building.start(environment, place, {}, Context())
    image = inventory.Image("app", "main", "app")
    in_state = [{"type": "atoll:index:ImageBuilder", "inputs": {"name": "builder"}}]
    assert not leaving.clear_builder(environment, declared(app=image), [])
    assert not leaving.clear_builder(environment, declared(), in_state)

    assert leaving.clear_builder(environment, declared(), [])

    assert not building.exists(environment)
    assert Supervisor(environment).state(buildkit.PROGRAM) is None
    assert not leaving.clear_builder(environment, declared(), [])


def test_an_image_lives_by_its_digest(program, environment):
    first = program.declare().up().succeeded()
    assert first.ops["app-image"] == "create"
    ref = program.outputs()["ref"]
    here = Oci.taken_up(environment, "images")
    assert re.fullmatch(rf"{here.place.address}/team/app@sha256:[0-9a-f]{{64}}", ref)
    assert str(ImageRef.parse(ref)) == ref
    assert len(_manifest(here, ref)["layers"]) == 2
    runc = building.seat(environment).runc
    assert first.warnings == ([] if runc else [f"builder builder: {buildkit.NO_RUNC}"])

    # Nothing changes by itself, whoever looks.
    assert program.up("--refresh").succeeded().ops == {}
    assert program.outputs()["ref"] == ref

    # A byte of the context is another image, and nothing else; what it will be called is not made up before.
    program.context("two")
    told = program.preview().succeeded()
    assert told.ops == {"app-image": "update"}
    assert told.steps["app-image"].changes == {"contextHash": "update"}
    assert "team/app@" not in told.text.partition("=>")[2]
    assert program.up().succeeded().ops == told.ops
    second = program.outputs()["ref"]
    assert second != ref
    # What runs the image of before finds it until nothing does.
    assert _manifest(here, ref)
    assert _manifest(here, second)
    assert pinning.pinned(second) == ImageRef.parse(second)
    tag = f"{here.place.address}/team/app:1"
    with pytest.raises(ArgsError, match=rf"image {tag}: found a tag alone; .* Today that is {second}"):
        pinning.pinned(tag)

    # One that somebody deleted is built again.
    here.pusher.delete("team/app", second.partition("@")[2])
    assert program.up("--refresh").succeeded().ops == {"app-image": "create"}
    assert _manifest(here, program.outputs()["ref"])

    # Platforms, arguments, secrets, a cache: the secret is in no place that anybody can read.
    more = """platforms=["linux/amd64", "linux/arm64"], build_args={"GREETING": "hello"}, cache=team,
        secrets={"token": "5f2a9c41d8"}, labels={"org.example.team": "one"}, dockerfile="app/Dockerfile", """
    assert program.declare(more).up().succeeded().ops == {"app-image": "update"}
    index = _manifest(here, program.outputs()["ref"])
    assert {each["platform"]["architecture"] for each in index["manifests"]} == {"amd64", "arm64"}
    assert program.up("--refresh").succeeded().ops == {}
    password = here.login().password
    texts = [program.state_text(), *(path.read_text() for path in environment.logs.iterdir())]
    assert not [text for text in texts if password in text or "5f2a9c41d8" in text]
    assert building.exists(environment)

    program.destroy().succeeded()
    left = {path.name for path in environment.folder.rglob("*")}
    assert not left & {"buildkitd", "buildkitd.sock", "buildkitd.log", "docker", "images"}
    assert Supervisor(environment).state("buildkitd") is None


def test_a_run_that_failed_says_why_in_one_line_and_the_next_completes(program, environment, urn):
    program.declare().up().succeeded()
    here = Oci.taken_up(environment, "images")

    # Another password than the registry knows: it is asked for the image alone, or the registry would be mended first.
    program.context("two")
    here.place.hashes.write_text("")
    until(lambda: here.pusher.status("/v2/") == HTTPStatus.UNAUTHORIZED)
    line = program.up("--target", urn()).errors[0]
    assert re.fullmatch(r"failed to solve: failed to push \S+/team/app:1: .* 401 Unauthorized", line)
    assert program.up().succeeded().ops == {"images-local": "update", "app-image": "update"}

    # A builder that dies in the middle of its work.
    program.context("three", megabytes=80)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(program.up)
        until(lambda: _transferred(environment) > 1_000_000)
        _signal(environment, signal.SIGKILL)
        failed = run.result()
    # Who notices first that it is gone is either the call that waits or the one that sends.
    assert re.match(r"failed to (receive status|solve): .*Unavailable", failed.errors[0])
    until(lambda: building.answers(building.seat(environment)))
    assert program.up().succeeded().ops == {"app-image": "update"}

    program.destroy().succeeded()


@pytest.fixture
def no_room(environment):
    """Lays a file system of half a MiB over what a registry has stored, for a while."""

    @contextlib.contextmanager
    def laid(place):
        mount = ["mount", "-t", "tmpfs", "-o", "size=512k,mode=700", "tmpfs", place.storage]
        if command.run(mount, check=False).code:
            pytest.skip("no file system can be mounted here")
        try:
            yield
        finally:
            # It keeps the file of an upload open that failed.
            Supervisor(environment).remove([place.process])
            command.run(["umount", place.storage])

    return laid


def test_a_registry_that_fails_under_a_push_is_told_in_one_line_and_the_next_run_completes(
    program, environment, urn, no_room
):
    program.declare().up().succeeded()
    here = Oci.taken_up(environment, "images")
    mended = {"images-local": "update", "app-image": "update"}

    # Its certificate has ended.
    here.age(timedelta(days=400))
    program.context("two")
    (line, *_) = program.up("--target", urn()).errors
    assert re.fullmatch(
        r"failed to solve: failed to push \S+/team/app:1: .* certificate has expired .*", line
    )
    assert program.up().succeeded().ops == mended

    # Its disk is full.
    program.context("three", megabytes=2)
    with no_room(here.place):
        (line, *_) = program.up("--target", urn()).errors
    # The registry has no other word for it; a disk that is full tells `atoll` by itself.
    assert re.fullmatch(r"failed to solve: failed to push \S+/team/app:1: .* invalid content range", line)
    assert program.up().succeeded().ops == mended

    # It dies in the middle of the push, for good.
    program.context("four", megabytes=80)
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(program.up, "--target", urn())
        until(lambda: _uploaded(here) > 1_000_000)
        Supervisor(environment).remove([here.place.process])
        (line, *_) = run.result().errors
    assert re.fullmatch(r"failed to solve: failed to push \S+/team/app:1: .*", line)
    assert program.up().succeeded().ops == mended
    assert _manifest(here, program.outputs()["ref"])

    program.destroy().succeeded()


def _uploaded(here):
    """How much of what is pushed right now is there."""
    found = here.place.storage.glob("docker/registry/v2/repositories/**/_uploads/*/data")
    return max((path.stat().st_size for path in found), default=0)


_LATER = """
from atoll.registry import *
Registry("later", RegistryArgs(kind=RegistryKind.OCI, force_delete=True))
"""
_MISSING = f"image: found no {buildkit.PLUGIN}; expected it. Run: atoll tools install {buildkit.PLUGIN}"


def test_without_the_plugin_all_else_is_made_and_with_it_the_image_too(program, without_plugin):
    program.declare()
    main = program.folder / "__main__.py"
    main.write_text(main.read_text() + textwrap.dedent(_LATER))
    with without_plugin():
        told = program.preview().succeeded()
        assert (told.errors, told.warnings) == ([], [_MISSING])
        run = program.up("--continue-on-error")
        assert run.code
        assert run.errors[0] == _MISSING
        assert run.ops["later-local"] == "create"
        assert "app-image" not in program.state()

    assert program.up().succeeded().ops == {"app-image": "create"}
    ref = program.outputs()["ref"]

    with without_plugin():
        # The state knows what it is called, so that what uses it stands.
        looked = program.up("--refresh").succeeded()
        assert looked.ops == {}
        assert f"not compared with what is there: {_MISSING}" in looked.warnings
        assert program.outputs()["ref"] == ref
        gone = program.destroy().succeeded()
        assert [each for each in gone.warnings if each.startswith("image: left as it is")]


_RUN = """
FROM scratch AS made
COPY program /helm
COPY chart /chart
RUN --mount=type=secret,id=token ["/helm", "template", "t", "/chart", "--set-file", "token=/run/secrets/token", "--output-dir", "/out"]

FROM scratch
COPY --from=made /out /out
"""
_SEALED = """
import pulumi
from atoll.secrets import SealedSecret, SealedSecretArgs

made = SealedSecret("made", SealedSecretArgs(project="p", environment="e", key="alias/none", generated={"token": 32}))
pulumi.export("token", made.value("token"))
"""


@pytest.mark.skipif(not building.runc(), reason=f"RUN: {buildkit.NO_RUNC}")
def test_what_a_dockerfile_runs_sees_the_secret_that_nothing_else_does(program, environment):
    app = program.folder / "app"
    (app / "Dockerfile").write_text(_RUN)
    (app / "program").unlink()
    _copied(toolchain.ensure(["helm"])["helm"], app)
    (app / "chart" / "templates").mkdir(parents=True)
    (app / "chart" / "Chart.yaml").write_text("{apiVersion: v2, name: sums, version: 1.0.0}")
    (app / "chart" / "templates" / "sum.yaml").write_text("sum: {{ .Values.token | sha256sum }}")
    program.declare('secrets={"token": made.value("token")}', _SEALED)

    run = program.up().succeeded()

    assert run.warnings == []
    here = Oci.taken_up(environment, "images")
    digest = program.outputs()["ref"].partition("@")[2]
    (told,) = [
        each for path, each in here.pusher.files("team/app", digest).items() if path.endswith("sum.yaml")
    ]
    token = program.outputs()["token"]
    assert re.fullmatch(r"[A-Za-z0-9]{32}", token)
    assert hashlib.sha256(token.encode()).hexdigest() in told.content.decode()
    # It is in no argument, log, state or file of the builder's cache.
    blobs = [path for path in here.place.storage.rglob("data") if path.is_file()]
    cached = [path for path in (environment.folder / "buildkitd").rglob("*") if path.is_file()]
    logs = [*environment.logs.iterdir()]
    assert not [path for path in (*blobs, *cached, *logs) if token.encode() in path.read_bytes()]
    assert token not in program.state_text() + run.text
    assert program.up().succeeded().ops == {}
    program.destroy().succeeded()


def _signal(environment, number):
    process = Supervisor(environment).state("buildkitd")
    assert process
    os.kill(process.pid, number)


def _transferred(environment):
    """How much of the context is there: after it come copying, packing and the push."""
    found = (environment.folder / "buildkitd" / "cache").glob("*/snapshots/snapshots/*/fs/data")
    return max((path.stat().st_size for path in found), default=0)


@pytest.fixture
def builder(own):
    """The builder of this machine, which knows one registry."""
    made = _builder("here", own)
    made.create()
    yield made
    made.delete()


def _builder(name, own, **more):
    address = own.registry.outputs["address"]
    return Driven(
        ImageBuilder(), {"name": name, "registries": [{**own.reference, "address": address}], **more}
    )


def test_one_that_is_frozen_or_was_stopped_or_lost_a_file_is_mended(builder, own):
    environment = own.environment
    place = building.seat(environment)
    assert builder.stale() is None
    assert builder.refresh() == set()
    _signal(environment, signal.SIGSTOP)
    assert builder.stale() == "buildkitd: it does not answer"
    assert not builder.update().problems
    assert builder.stale() is None

    (environment.folder / "docker" / "config.json").unlink()
    assert builder.stale() == "what clients of Docker read changed"
    builder.update()
    place.settings.write_text("")
    assert builder.stale() == "buildkitd: what it reads changed"
    builder.update()
    assert (builder.stale(), building.answers(place)) == (None, True)


@pytest.mark.usefixtures("builder")
def test_a_second_one_of_this_machine_is_refused(own):
    with pytest.raises(RefusedError, match=r"builder other: found here in its place; expected one builder"):
        _builder("other", own).create()


def test_one_of_the_users_is_taken_up_as_it_is(own, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.delenv("BUILDX_CONFIG", raising=False)
    made = _builder("mine", own, existing="far")
    with pytest.raises(UnavailableError, match=r"builder far: found no such builder of buildx's \(none\)"):
        made.create()
    theirs = tmp_path / "buildx" / "instances"
    theirs.mkdir(parents=True)
    instance = docker.remote("far", "tcp://builder.example.org:1234")
    (theirs / "far").write_text(json.dumps(instance))

    made.create()
    ours = own.environment.folder / "docker" / "buildx" / "instances" / "far"
    assert json.loads(ours.read_text()) == instance
    assert (made.outputs, made.stale(), made.refresh()) == ({"instance": "far"}, None, set())
    (theirs / "far").write_text(json.dumps(docker.remote("far", "tcp://elsewhere.example.org:1234")))
    assert made.stale() == "what clients of Docker read changed"
    made.delete()
    assert not (own.environment.folder / "docker").exists()
    assert (theirs / "far").exists()


def test_who_is_not_root_is_told_what_is_missing_and_nothing_is_made(own, monkeypatch):
    made = _builder("here", own)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(UnavailableError) as told:
        made.create()
    assert str(told.value) == (
        "builder here: found user 1000; expected root (BuildKit mounts what it builds). Let `existing` name a builder that "
        "you made with buildx, or build elsewhere"
    )
    assert not building.exists(own.environment)
    assert not (own.environment.folder / "docker").exists()


def _helper(environment, *words, asked=""):
    answer = io.StringIO()
    code = credential_helper.serve(
        list(words), io.StringIO(asked), answer, {"ATOLL_ENVIRONMENT": str(environment.folder)}
    )
    return code, answer.getvalue()


@pytest.mark.usefixtures("builder")
def test_the_logins_are_told_to_who_asks_and_lie_in_no_file(own):
    address, login = own.registry.outputs["address"], own.login()
    assert _helper(own.environment, "list") == (0, f'{{"{address}": "atoll"}}\n')
    code, answer = _helper(own.environment, "get", asked=f"https://{address}\n")
    assert (code, json.loads(answer)) == (
        0,
        {"ServerURL": address, "Username": "atoll", "Secret": login.password},
    )
    assert _helper(own.environment, "get", asked="ghcr.io") == (
        1,
        "credentials not found in native keychain\n",
    )
    code, line = _helper(own.environment, "store")
    assert (code, line.count("\n")) == (1, 1)
    assert "expected get or list" in line
    texts = [path.read_text() for path in (own.environment.folder / "docker").rglob("*") if path.is_file()]
    assert not [text for text in texts if login.password in text]


@pytest.mark.usefixtures("environment")
def test_a_tag_of_a_registry_that_nobody_can_ask_is_refused_with_how_to_find_its_digest():
    with pytest.raises(
        ArgsError, match=r"Find it: docker buildx imagetools inspect ghcr.io/team/app:latest$"
    ):
        pinning.pinned("ghcr.io/team/app")
