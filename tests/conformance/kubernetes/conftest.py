"""One real cluster and one engine for all tests here; each test has a namespace, a project and a stack."""

import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from atoll import toolchain
from atoll.cluster.effects import LocalCluster
from atoll.core.effect import Context
from atoll.host import Environment, Ports, Supervisor
from atoll.kubernetes import Api, Kubeconfig
from atoll.provider import plugins
from conformance.kubernetes.faults import Proxy
from conformance.kubernetes.programs import Engine, Program

_COUNTER = itertools.count(1)


@pytest.fixture(scope="session")
def folder():
    # pytest's own temporary folders are too deep for a socket's path.
    made = Path(tempfile.mkdtemp(prefix="k8s-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def kubeconfig(folder):
    """The kubeconfig of a real cluster: API server, etcd, controllers, scheduler, simulated nodes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATOLL_HOME", str(folder / "home"))
        project = folder / "project"
        project.mkdir()
        environment = Environment.of(project, "t")
        environment.create()
        patch.setenv("ATOLL_ENVIRONMENT", str(environment.folder))
        supervisor = Supervisor(environment)
        supervisor.start()
        try:
            outcome = LocalCluster().create("c", {"name": "c", "nodes": 1}, Context())
            assert not outcome.problems
            yield outcome.outputs["access"]
        finally:
            supervisor.stop()
            Ports(environment).release_block()


@pytest.fixture(scope="session")
def api(kubeconfig):
    """The cluster's API as its administrator sees it, past the plugin."""
    return Api(Kubeconfig.read(kubeconfig))


@pytest.fixture(scope="session")
def engine(folder):
    """The engine with the plugin that can be had: the official one, or the stand-in."""
    programs = toolchain.ensure(["pulumi", "pulumi-language-python"])
    made = Engine.within(folder, programs, Path(sys.executable))
    plugins.install(made.home, made.pulumi, made.variables)
    return made


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
def proxy(api):
    """A way to the cluster that can be made to fail."""
    made = Proxy(api)
    yield made
    made.stop()


@pytest.fixture
def live(api, namespace):
    """Looks an object up past the plugin: `live("v1", "ConfigMap", "name")`; None where there is none."""

    def look(version, kind, name):
        metadata = {"name": name, "namespace": namespace}
        return api.get({"apiVersion": version, "kind": kind, "metadata": metadata})

    return look


@pytest.fixture
def put(api, namespace):
    """Writes an object as somebody else: `put("v1", "ConfigMap", "name", data={...})`."""

    def write(version, kind, name, manager="somebody", **fields):
        metadata = {"name": name, "namespace": namespace, **fields.pop("metadata", {})}
        manifest = {"apiVersion": version, "kind": kind, "metadata": metadata, **fields}
        return api.apply(manifest, manager=manager, force=True)

    return write
