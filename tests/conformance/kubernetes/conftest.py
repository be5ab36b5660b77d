"""One real cluster and one engine for all tests here; each test has a namespace, a project and a stack."""

import dataclasses
import itertools
import os
import signal

import pytest

from atoll import toolchain
from atoll.cluster.local import launch
from atoll.cluster.local.seat import PORTS
from atoll.kubernetes import Api, Kubeconfig
from atoll.toolchain import cache
from conformance.kubernetes import engines
from conformance.kubernetes.faults import Proxy
from conformance.kubernetes.programs import Program

_COUNTER = itertools.count(1)


@pytest.fixture(scope="session")
def folder():
    with engines.folder("k8s-") as made:
        yield made


@pytest.fixture(scope="session")
def cluster(folder):
    """A real cluster with its environment."""
    with engines.cluster(folder) as made:
        yield made


@pytest.fixture(scope="session")
def kubeconfig(cluster):
    """The cluster's kubeconfig."""
    return cluster.kubeconfig


@pytest.fixture(scope="session")
def seat(cluster):
    """Where that cluster lives: its ports and certificates."""
    return launch.seat(cluster.environment, "c", PORTS, ())


@pytest.fixture(scope="session")
def api(kubeconfig):
    """The cluster's API as its administrator sees it, past the plugin."""
    return Api(Kubeconfig.read(kubeconfig))


@pytest.fixture(scope="session")
def engine(folder):
    return engines.installed(folder)


@pytest.fixture
def namespace(api):
    """A namespace of the test's own."""
    name = f"n{next(_COUNTER)}-{os.getpid()}"
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


@pytest.fixture
def program(folder, engine, namespace, kubeconfig):
    """The test's Pulumi program; what it leaves in its namespace dies with the cluster."""
    return Program(folder / namespace, engine, namespace, namespace, kubeconfig)


@pytest.fixture
def helm_program(program):
    """The test's Pulumi program, whose plugin finds helm."""
    toolchain.ensure(["helm"])
    program.environment[cache.VARIABLE] = str(cache.folder())
    return program


@pytest.fixture
def proxy(api):
    """A way to the cluster that can be made to fail."""
    made = Proxy(api)
    yield made
    made.stop()


@pytest.fixture
def kill(cluster):
    """Kills a process of the cluster: `kill("kube-apiserver")`; its supervisor starts it anew."""

    def shoot(program):
        os.kill(cluster.supervisor.state(f"c.{program}").pid, signal.SIGKILL)

    return shoot


@pytest.fixture
def live(api, namespace):
    """Looks an object up past the plugin: `live("v1", "ConfigMap", "name")`; None where there is none."""

    def look(version, kind, name):
        metadata = {"name": name, "namespace": namespace}
        return api.get({"apiVersion": version, "kind": kind, "metadata": metadata})

    return look


@pytest.fixture
def token(api, namespace, kubeconfig):
    """The kubeconfig of a service account that may do everything in the test's namespace."""
    named = {"name": "gardener", "namespace": namespace}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": named}
    api.apply(account)
    api.apply(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "gardener", "namespace": namespace},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [{"kind": "ServiceAccount", "name": "gardener", "namespace": namespace}],
        }
    )
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    made = api.request("POST", f"{api.path(account)}/token", asked)["status"]["token"]
    admin = Kubeconfig.read(kubeconfig)
    return dataclasses.replace(admin, certificate=b"", key=b"", token=made).text()


@pytest.fixture
def put(api, namespace):
    """Writes an object as somebody else: `put("v1", "ConfigMap", "name", data={...})`."""

    def write(version, kind, name, manager="somebody", **fields):
        metadata = {"name": name, "namespace": namespace, **fields.pop("metadata", {})}
        manifest = {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}
        return api.apply(manifest, manager=manager, force=True)

    return write
