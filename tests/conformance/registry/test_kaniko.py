"""Images by Kaniko: its Job let in by a real API server, and run for real, its executor in a container of runc's."""

import os
import re
import shutil
import textwrap
from contextlib import ExitStack

import pytest

from atoll import toolchain
from atoll.cluster.effects import LocalCluster
from atoll.core.effect import Context
from atoll.core.errors import AtollError, NotReadyError, RefusedError, UnavailableError
from atoll.kubernetes import Api, Kubeconfig
from atoll.provider import plugins
from atoll.registry import ImageRef, docker, kaniko_effects
from atoll.registry.kaniko_effects import KanikoImage
from atoll.toolchain import cache
from conformance.kubernetes.programs import Program
from conformance.registry.conftest import Driven, Oci
from harness import containers, kaniko
from harness.containers import Node
from harness.waiting import until

pytestmark = pytest.mark.timeout(240)
_contained = pytest.mark.skipif(bool(containers.lacking()), reason=f"runc: {containers.lacking()}")
_PROGRAM = """
from pathlib import Path

import pulumi
from atoll.registry import *

here = Registry("images", RegistryArgs(kind=RegistryKind.OCI, force_delete=True))
team = Repository("team", RepositoryArgs(registry=here, repository="team/app", force_delete=True))
buildkit = Builder("builder", BuilderArgs(registries=[here]))
kaniko = Kaniko(
    access=Path("kubeconfig").read_text(), namespace="default", executor={executor!r}, registries=[here]
)
said = dict(context="app", repository=team, build_args={{"GREETING": "hello"}}, labels={{"org.example.team": "one"}})
pulumi.export("one", Image("one", ImageArgs(builder=buildkit, tags=["1"], **said)).ref)
pulumi.export("two", Image("two", ImageArgs(builder=kaniko, **{{**said, "context": {folder!r}}})).ref)
"""
_DOCKERFILE = """
FROM scratch AS tools
COPY program /program

FROM scratch
ARG GREETING=none
LABEL greeting=$GREETING
COPY --from=tools /program /usr/bin/program
COPY data /data
COPY folder /etc/app
COPY --chown=1000:1001 --chmod=0640 data /etc/app/data
WORKDIR /work
ENTRYPOINT ["/usr/bin/program"]
"""


@pytest.fixture(scope="module")
def cluster(machine):
    """The kubeconfig of a real cluster without nodes: what is to run there, the test runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATOLL_ENVIRONMENT", str(machine.folder))
        made = LocalCluster()
        outcome = made.create("c", {"name": "c", "nodes": 0}, Context())
        assert not outcome.problems
        access = outcome.outputs["access"]
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
        until(lambda: Api(Kubeconfig.read(access)).get(account), "the account of pods")
    yield access
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATOLL_ENVIRONMENT", str(machine.folder))
        made.delete("c", {"name": "c", "nodes": 0}, outcome.outputs, Context())


@pytest.fixture
def api(cluster, environment):
    assert environment
    return Api(Kubeconfig.read(cluster))


@pytest.fixture
def node(api, tmp_path):
    """What runs the pods, the executor from the toolchain being the one image."""
    executor = toolchain.ensure(["kaniko-executor"])["kaniko-executor"]
    with Node(api, "default", {"/kaniko/executor": executor}, tmp_path / "pods") as made:
        yield made


@pytest.fixture
def folder(tmp_path):
    """A context with all that a file system can hold of what an image shows."""
    made = tmp_path / "app"
    (made / "folder" / "deep").mkdir(parents=True, mode=0o750)
    (made / "Dockerfile").write_text(_DOCKERFILE)
    (made / ".dockerignore").write_text("**/*.log\n")
    (made / "data").write_text("one")
    (made / "folder" / "private").write_text("of its owner")
    (made / "folder" / "private").chmod(0o600)
    (made / "folder" / "link").symlink_to("deep/file")
    (made / "folder" / "deep" / "file").write_bytes(bytes(range(256)))
    (made / "folder" / "deep" / "run.log").write_text("left out")
    (made / "program").write_bytes(os.urandom(200_000))
    (made / "program").chmod(0o755)
    return made


@pytest.fixture
def program(engine, environment, cluster, folder):
    """A program with two images of one context: the copy of BuildKit's stays as it is."""
    plugins.install(engine.home, engine.pulumi, engine.variables, ["pulumi-resource-docker-build"])
    made = Program(engine.home.parent / "kaniko", engine, "kaniko", "kaniko", "")
    made.environment = {
        "ATOLL_ENVIRONMENT": str(environment.folder),
        "ATOLL_CACHE": str(cache.folder()),
        **docker.variables(environment),
    }
    (made.folder / "kubeconfig").write_text(cluster)
    text = _PROGRAM.format(executor=kaniko.EXECUTOR, folder=str(folder))
    (made.folder / "__main__.py").write_text(textwrap.dedent(text))
    shutil.copytree(folder, made.folder / "app", symlinks=True)
    return made


@pytest.fixture
def built(own, cluster, folder):
    """An image of Kaniko's that is not built yet."""
    address = own.registry.outputs["address"]
    inputs = {
        "name": "app",
        "access": cluster,
        "namespace": "default",
        "executor": kaniko.EXECUTOR,
        "registries": [{**own.reference, "address": address}],
        "repository": f"{address}/team/app",
        "context": str(folder),
        "timeoutSeconds": 60,
    }
    return Driven(KanikoImage(), inputs)


@pytest.mark.parametrize("case", sorted(kaniko.CASES))
def test_the_objects_of_every_case_are_let_in(api, case):
    build = kaniko.build(case)
    objects = (build.job(suspended=True), build.input(kaniko.OWNER), build.logins(kaniko.OWNER, "{}"))

    for manifest in (build.pod(), *objects):
        api.apply(manifest, dry_run=True)


def test_a_namespace_of_the_baseline_standard_lets_it_in_and_one_of_the_restricted_says_why(api, built):
    for standard in ("baseline", "restricted"):
        labels = {"pod-security.kubernetes.io/enforce": standard}
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": standard, "labels": labels}})
        account = {"apiVersion": "v1", "kind": "ServiceAccount"}
        until(lambda: api.get({**account, "metadata": {"name": "default", "namespace": standard}}))  # noqa: B023 - awaited here
    build = kaniko.build("all")
    pod = build.pod()
    pod["metadata"]["namespace"] = "baseline"
    api.apply(pod, dry_run=True)

    built.inputs["namespace"] = "restricted"
    with pytest.raises(RefusedError) as told:
        built.create()
    assert re.fullmatch(
        r'image app: found a refusal in namespace restricted \(.*violates PodSecurity "restricted:latest".*\); expected a Job '
        r"to be let in\. Kaniko is root in its pod: let the namespace enforce baseline",
        str(told.value),
    )
    assert api.items("batch/v1", "Job", "restricted") == []


@_contained
def test_kaniko_and_buildkit_make_the_same_image_of_the_same_context(program, environment, api, node, folder):
    with ExitStack() as stack:
        stack.callback(program.destroy)
        first = program.up().succeeded()
        assert {first.ops["one-image"], first.ops["two-kaniko"]} == {"create"}
        refs = [ImageRef.parse(program.outputs()[name]) for name in ("one", "two")]
        here = Oci.taken_up(environment, "images")
        assert {ref.repository for ref in refs} == {f"{here.place.address}/team/app"}
        one, two = (here.pusher.files("team/app", ref.digest) for ref in refs)
        assert one == two
        assert one["/usr/bin/program"].content == (folder / "program").read_bytes()
        assert one["/etc/app/data"][1:] == (0o640, 1000, 1001, b"one")
        assert not [path for path in one if "kaniko" in path or path.endswith(".log")]
        ways = [here.pusher.config("team/app", ref.digest) for ref in refs]
        for key in ("Entrypoint", "WorkingDir", "Labels"):
            assert ways[0][key] == ways[1][key], key
        assert ways[0]["Labels"] == {"greeting": "hello", "org.example.team": "one"}

        # It ran as its Job says: the login it had is nowhere but where it was mounted, and is gone.
        ((pod, ended),) = node.ran
        assert pod["spec"]["containers"][0]["image"] == kaniko.EXECUTOR
        password = here.login().password
        seen = [program.state_text(), ended.said, str(pod), *_logs(environment)]
        assert not [text for text in seen if password in text]
        until(lambda: not _left(api), "nothing is left in the cluster")

        # Nothing changes by itself; a byte is another image, and nothing is made up before.
        assert program.up("--refresh").succeeded().ops == {}
        (folder / "data").write_text("two")
        told = program.preview().succeeded()
        assert told.ops == {"two-kaniko": "update"}
        assert program.up().succeeded().ops == told.ops
        after = ImageRef.parse(program.outputs()["two"])
        assert after.digest != refs[1].digest
        assert here.pusher.files("team/app", after.digest)["/data"].content == b"two"


def _logs(environment):
    return [path.read_text() for path in environment.logs.iterdir()]


def _left(api):
    kinds = (("batch/v1", "Job"), ("v1", "Pod"), ("v1", "ConfigMap"), ("v1", "Secret"))
    return [
        each
        for version, kind in kinds
        for each in api.items(version, kind, "default")
        if each["metadata"]["name"].startswith(("app-", "two-"))
    ]


@_contained
def test_the_same_context_has_the_same_digest_and_one_that_was_deleted_is_seen(built, node, own):
    built.create()
    assert built.stale() is None
    assert built.refresh() == set()
    first = built.outputs["digest"]
    assert own.pusher.described("team/app", first)

    own.pusher.delete("team/app", first)
    assert built.read() is None
    built.create()
    assert built.outputs["digest"] == first
    assert [ended.code for _, ended in node.ran] == [0, 0]

    # Another way to it, and a longer wait, build nothing.
    built.update(timeoutSeconds=61)
    assert (built.outputs["digest"], len(node.ran)) == (first, 2)


@_contained
def test_what_a_killed_run_began_is_taken_up(built, node, api, own):
    login = own.login()
    build = kaniko_effects._build(built.inputs, {login.address: login.authority})
    kaniko_effects._begun(api, build, [login], None)

    built.create()
    assert own.pusher.described("team/app", built.outputs["digest"])
    assert [ended.code for _, ended in node.ran] == [0]


@_contained
def test_a_build_that_fails_says_why_in_one_line_and_leaves_nothing(built, node, api, folder):
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY missing /missing\n")
    with pytest.raises(AtollError) as told:
        built.create()
    assert re.fullmatch(
        r"image app: found no image at the end of Job app-[0-9a-f]{12} \(.*missing: no such file or directory\); expected "
        r"Kaniko to build and push one",
        str(told.value),
    )
    assert [ended.code for _, ended in node.ran] == [1]
    until(lambda: not _left(api), "nothing is left in the cluster")


def test_one_that_nobody_runs_is_given_up_and_leaves_nothing(built, api):
    built.inputs["timeoutSeconds"] = 2
    with pytest.raises(NotReadyError) as told:
        built.create()
    assert re.match(
        r"image app: found its Job app-\S+ not done after \d+ s \(.*\); expected it done within 2 s",
        str(told.value),
    )
    until(lambda: not _left(api), "nothing is left in the cluster")


def test_one_of_somebody_elses_is_left_alone(built, api):
    job = kaniko.build("little").job(suspended=True)
    name = kaniko_effects._build(built.inputs, {}).called
    job["metadata"] = {"name": name, "namespace": "default", "labels": {"of": "somebody"}}
    api.apply(job, manager="somebody")
    try:
        with pytest.raises(RefusedError, match=rf"found Job {name} of somebody else's in namespace default"):
            built.create()
        assert api.get(job)
    finally:
        api.delete(job)


def test_a_context_that_is_too_large_is_refused_before_anything_begins(built, folder):
    (folder / "program").write_bytes(os.urandom(1 << 20))
    with pytest.raises(
        RefusedError, match=r"image app: found \d+ bytes of context, packed; expected at most 1032192"
    ):
        built.effect.refuse(built.inputs, {})


def test_a_server_that_is_gone_is_told(built):
    built.inputs["access"] = re.sub(r"server: .*", "server: https://127.0.0.1:1", built.inputs["access"])
    with pytest.raises(UnavailableError, match=r"https://127.0.0.1:1: found no answer"):
        built.create()
