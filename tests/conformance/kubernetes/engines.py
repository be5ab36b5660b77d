"""What the tests of a session share: a folder, an engine with its programs and plugins, a real cluster."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from atoll import toolchain
from atoll.cluster.effects import LocalCluster
from atoll.core.effect import Context
from atoll.host import Environment, Ports, Supervisor
from atoll.provider import plugins
from conformance.kubernetes.programs import Engine


@contextlib.contextmanager
def folder(prefix: str) -> Iterator[Path]:
    """A temporary folder: pytest's own are too deep for a socket's path."""
    made = Path(tempfile.mkdtemp(prefix=prefix))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def installed(within: Path) -> Engine:
    """The engine with the plugins that can be had: the official ones, or the stand-ins."""
    toolchain.ensure(["pulumi", "pulumi-language-python"])
    # Side by side, or the engine warns of a language host from PATH.
    toolchain.place(within / "bin")
    made: Engine = Engine.within(within, within / "bin", Path(sys.executable))
    plugins.install(made.home, made.pulumi, made.variables)
    return made


@contextlib.contextmanager
def cluster(within: Path) -> Iterator[tuple[str, Supervisor]]:
    """A real cluster: API server, etcd, controllers, scheduler, simulated nodes; its kubeconfig and supervisor."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATOLL_HOME", str(within / "home"))
        project = within / "project"
        project.mkdir()
        environment = Environment.of(project, "t")
        environment.create()
        patch.setenv("ATOLL_ENVIRONMENT", str(environment.folder))
        supervisor = Supervisor(environment)
        supervisor.start()
        try:
            outcome = LocalCluster().create("c", {"name": "c", "nodes": 1}, Context())
            assert not outcome.problems
            yield outcome.outputs["access"], supervisor
        finally:
            supervisor.stop()
            Ports(environment).release_block()
