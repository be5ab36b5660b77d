"""One real cluster for all tests here, which admit pods by the restricted Pod Security Standard."""

import itertools
import os

import pytest

from atoll import toolchain
from atoll.charts.publishing import Destination
from atoll.helm import Helm, Login
from atoll.kubernetes import Api, Kubeconfig
from atoll.toolchain import cache
from conformance.kubernetes import engines
from conformance.kubernetes.programs import Program
from harness import helm
from harness.registry import PASSWORD, USER, served
from harness.waiting import until

_COUNTER = itertools.count(1)


@pytest.fixture(scope="session")
def folder():
    with engines.folder("charts-") as made:
        yield made


@pytest.fixture(scope="session")
def kubeconfig(folder):
    """A real cluster's kubeconfig."""
    with engines.cluster(folder) as made:
        yield made.kubeconfig


@pytest.fixture(scope="session")
def api(kubeconfig):
    """Its API."""
    return Api(Kubeconfig.read(kubeconfig))


@pytest.fixture(scope="session")
def engine(folder):
    toolchain.ensure(["helm"])
    return engines.installed(folder)


@pytest.fixture
def program(folder, engine, namespace, kubeconfig):
    """The test's Pulumi program, whose plugins find helm."""
    made = Program(folder / namespace, engine, namespace, namespace, kubeconfig)
    made.environment[cache.VARIABLE] = str(cache.folder())
    return made


@pytest.fixture
def put(api, namespace):
    """Writes an object as somebody else."""

    def write(version, kind, name, manager="somebody", **fields):
        metadata = {"name": name, "namespace": namespace}
        manifest = {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}
        return api.apply(manifest, manager=manager, force=True)

    return write


@pytest.fixture
def namespace(api):
    """A namespace of the test's own that lets restricted pods alone in."""
    name = f"n{next(_COUNTER)}-{os.getpid()}"
    # The one is for pods, the other for what makes pods.
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": name},
    }
    until(lambda: api.get(account), "the namespace's account, without which no pod is let in")
    return name


@pytest.fixture(scope="session")
def runner():
    """Helm, found or built."""
    helm.program()
    with Helm() as found:
        yield found


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    """A real registry with TLS and a login; each test has a path of its own in it."""
    with served(tmp_path_factory.mktemp("registry")) as found:
        yield found


@pytest.fixture
def destination(registry):
    """A place for charts that no other test uses."""
    path = f"oci://{registry.host}/p{next(_COUNTER)}-{os.getpid()}"
    return Destination(path, login=Login(USER, PASSWORD), authority=registry.authority)
