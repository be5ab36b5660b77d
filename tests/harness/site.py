"""Clusters that exist, as somebody else would run them: processes of this machine that no stack knows."""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

from atoll.cluster.effects import LocalCluster
from atoll.core.effect import Context, Effect
from atoll.federation.local.effects import LocalControlPlane
from atoll.host import Environment, Ports, Supervisor
from atoll.host.environment import VARIABLE

_NODES = 2


@contextlib.contextmanager
def running(folder: Path, clusters: Iterable[str], planes: Iterable[str] = ()) -> Iterator[dict[str, str]]:
    """Clusters and Karmadas that live as long as the block; by name, the kubeconfig of each one's administrator.

    `folder` is to be a short path that nothing is at.
    """
    environment = Environment(folder, "site", folder)
    environment.create()
    Supervisor(environment).start()
    try:
        with mock.patch.dict(os.environ, {VARIABLE: str(folder)}):
            made: dict[str, Effect] = {name: LocalCluster() for name in clusters}
            yield _created(made | {name: LocalControlPlane() for name in planes})
    finally:
        Supervisor(environment).stop()
        Ports(environment).release_block()
        environment.remove()


def _created(effects: Mapping[str, Effect]) -> dict[str, str]:
    def create(name: str) -> str:
        inputs = {"name": name, "nodes": _NODES}
        outcome = effects[name].create(name, inputs, Context())
        assert not outcome.problems, outcome.problems
        return str(outcome.outputs["access"])

    with ThreadPoolExecutor(len(effects)) as pool:
        return dict(zip(effects, pool.map(create, effects), strict=True))
