"""How long replicas take to leave a member that fails: `python -m bench.moving [ROUNDS]`.

Two members with simulated nodes share a Deployment of a propagation with `failover`. The API server of one is killed
(and stays away) or frozen; told are the seconds until all replicas are available in the other, and after the return
those of the `atoll up` that shares them out anew. Programs must be built.
"""

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from atoll.host import Supervisor
from atoll.kubernetes import Api, Kubeconfig
from bench import failures, fleet
from bench.fleet import Fleet

_ROUNDS, _REPLICAS = 3, 4
_SPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ferry"}}
_NAMED = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "ferry", "namespace": "ferry"}}


@dataclass(frozen=True)
class Row:
    """Seconds until all replicas run elsewhere, and of the `up` after the return."""

    state: str
    moved: float
    shared: float


def _deployment() -> dict[str, object]:
    labels = {"app": "ferry"}
    container = {"name": "ferry", "image": "registry.k8s.io/pause:3.10"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": _REPLICAS, "selector": {"matchLabels": labels}, "template": template}
    return {**_NAMED, "spec": spec}


def _declare(ground: Fleet) -> None:
    propagation = {"groups": ["all"], "failover": True, "resources": [_SPACE, _deployment()]}
    inventory = {
        "controlPlane": {"driver": "local"},
        "clusters": {name: {"driver": "local", "nodes": 2} for name in ground.members},
        "propagations": {"ferry": propagation},
    }
    (ground.clone / "stacks" / f"{fleet.NAME}.yaml").write_text(yaml.safe_dump(inventory))


def rows(rounds: int) -> Iterator[Row]:
    """A row for each round and kind of failure."""
    with fleet.made(2) as ground:
        _declare(ground)
        fleet.timed(ground.up, ground)
        stays, fails = ground.members
        there = Api(Kubeconfig.read(ground.kubeconfig(stays).read_text()))
        supervisor = Supervisor(ground.environment)
        for _ in range(rounds):
            for failure in (failures.killed, failures.frozen):
                begin = time.monotonic()
                with failure(supervisor, f"{fails}.kube-apiserver") as revive:
                    failures.until(lambda: _available(there) == _REPLICAS)
                    moved = time.monotonic() - begin
                    revive()
                member = Api(Kubeconfig.read(ground.kubeconfig(fails).read_text()))
                failures.until(member.healthy)
                failures.until(lambda api=member: api.get(_NAMED) is None)
                yield Row(failure.__name__, moved, fleet.timed(ground.up, ground))


def _available(api: Api) -> int:
    with contextlib.suppress(KeyError, TypeError):
        return int(api.get(_NAMED)["status"]["availableReplicas"])  # type: ignore[index] # it may not be there
    return 0


def main(words: Sequence[str]) -> None:
    """Prints one line for each round and kind of failure."""
    print("member   all elsewhere: s  shared anew by up: s", flush=True)
    for row in rows(int(words[0]) if words else _ROUNDS):
        print(f"{row.state:8} {row.moved:16.1f} {row.shared:21.1f}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
