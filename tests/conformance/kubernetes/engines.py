"""What the tests of a session share: a folder, an engine with its programs and plugins, a real cluster."""

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from atoll import toolchain
from atoll.cluster.effects import LocalCluster
from atoll.core.effect import Context
from atoll.host import Environment, Ports, Supervisor
from atoll.host.environment import HOME_VARIABLE, VARIABLE
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


@dataclass(frozen=True)
class Cluster:
    """A real cluster: its kubeconfig, and the environment that it lives in with its supervisor."""

    kubeconfig: str
    environment: Environment
    supervisor: Supervisor


@contextlib.contextmanager
def cluster(within: Path) -> Iterator[Cluster]:
    """A real cluster: API server, etcd, controllers, scheduler, simulated nodes."""
    project = within / "project"
    project.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        # No longer than it takes: another package's tests have a cluster of their own.
        patch.setenv(HOME_VARIABLE, str(home(within)))
        environment = Environment.of(project, "t")
        environment.create()
        supervisor = Supervisor(environment)
        supervisor.start()
        patch.setenv(VARIABLE, str(environment.folder))
        try:
            outcome = LocalCluster().create("c", {"name": "c", "nodes": 1}, Context())
        except BaseException:
            supervisor.stop()
            raise
    try:
        assert not outcome.problems
        yield Cluster(outcome.outputs["access"], environment, supervisor)
    finally:
        supervisor.stop()
        Ports(environment).release_block()


def home(within: Path) -> Path:
    """Where the environment of a session's cluster lives, for a command that is to find it."""
    return within / "home"
