"""The environment that a loop does harm to, and all that is counted of it."""

import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import psutil
import yaml

from atoll.host import Environment, ports
from atoll.kubernetes import Api
from e2e import checkout as checkouts
from e2e import looking
from e2e.checkout import Checkout
from soak import objects

STACK = "soak"
_PASSING = (
    "logs/",
    "engine/servers/",
    "state/.pulumi/history/",
    "state/.pulumi/backups/",
    "hearing.json",
)
"""Files that every run adds to or rotates; how far they grow is the endurance loop's to say."""
_SHARED = "plugin-sharing"
_STORE = "/etcd/member/"
"""What etcd keeps in its own way: segments and snapshots by their place in time."""


@dataclass(frozen=True)
class Census:
    """Everything of an environment by kind: what would show an orphan or a double."""

    objects: Counter[str]
    resources: Counter[str]
    files: Counter[str]
    processes: Counter[str]
    ports: Counter[str]

    def differences(self, other: "Census") -> list[str]:
        """What another census has too much or too little of."""
        found = []
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            found += [f"{field.name} missing: {key} x{number}" for key, number in (mine - theirs).items()]
            found += [f"{field.name} too many: {key} x{number}" for key, number in (theirs - mine).items()]
        return sorted(found)


class Ground:
    """One environment of a checkout. Its clusters are asked by their own API servers, not by what Atoll says."""

    def __init__(self, checkout: Checkout, name: str) -> None:
        self.checkout, self.name = checkout, name

    @property
    def environment(self) -> Environment:
        """Where it lives, whether it is there or not."""
        project = next(self.checkout.home.glob(f"*/{self.name}"), None)
        return Environment(
            self.checkout.folder, self.name, project or self.checkout.home / "none" / self.name
        )

    def up(self, code: int | None = 0) -> dict[str, Any]:
        """Runs `atoll up` and returns its report."""
        report: dict[str, Any] = self.checkout.report("up", self.name, code=code)
        return report

    def apis(self) -> dict[str, Api]:
        """Its clusters' API servers, by name; no command is run, so that nothing is mended by looking."""
        paths = sorted(self.environment.clusters.glob("*/pki/admin.kubeconfig"))
        return {path.parents[1].name: looking.api(path) for path in paths}

    def answers(self) -> bool:
        """Whether every API server says that it is ready."""
        return all(api.healthy() for api in self.apis().values())

    def supervised(self) -> dict[str, dict[str, Any]]:
        """The supervised processes by name, as `atoll status` tells them."""
        told = self.checkout.report("status", self.name, code=None)["processes"]
        return {each["name"]: each for each in told}

    def census(self) -> Census:
        """Counts everything."""
        folder = self.environment.folder
        working = looking.workers(folder)
        # The server that plugins share stays a while for the next engine, but not when its environment goes.
        waiting = working.pop(_SHARED, []) if folder.exists() else []
        processes = [each for each in looking.processes(folder) if each not in waiting]
        return Census(
            objects=objects.counted(self.apis()) if folder.exists() else Counter(),
            resources=self._resources(),
            files=Counter([*_files(folder), *self._written()]),
            processes=Counter(map(_title, processes))
            + Counter({role: len(found) for role, found in working.items()}),
            ports=Counter([*self._ports(processes), *_blocks(folder)]),
        )

    def settled(self, seconds: float = 60) -> Census:
        """A census, once two in a row say the same: a store that is made still refuses, a pod that goes still is."""
        looks: list[Census] = []

        def changed() -> list[str]:
            looks.append(self.census())
            return ["one look"] if len(looks) == 1 else looks[-2].differences(looks[-1])

        differences = settles(changed, seconds)
        assert not differences, differences
        return looks[-1]

    def settles(self, wanted: Census, seconds: float = 60) -> list[str]:
        """Waits until a census is as it should be; returns what still differs, which is nothing in the end."""
        return settles(lambda: wanted.differences(self.census()), seconds)

    def _written(self) -> list[str]:
        """What the checkout itself got."""
        return self.checkout.run(["git", "status", "--porcelain", "--ignored"]).stdout.splitlines()

    def _resources(self) -> Counter[str]:
        kept = self.environment.state / ".pulumi" / "stacks" / "atoll" / f"{self.name}.json"
        if not kept.exists():
            return Counter()
        latest = json.loads(kept.read_text())["checkpoint"]["latest"] or {}
        pending = [f"pending {each['resource']['urn']}" for each in latest.get("pending_operations") or []]
        live = [
            ("deleting " if each.get("delete") else "") + each["urn"]
            for each in latest.get("resources") or []
        ]
        return Counter([*live, *pending])

    def _ports(self, processes: Iterable[psutil.Process]) -> Iterator[str]:
        kept = self.environment.folder / "ports.json"
        known: dict[str, int] = json.loads(kept.read_text()) if kept.exists() else {}
        purposes = {port: purpose for purpose, port in known.items()}
        yield from (f"reserved {purpose}" for purpose in known)
        for process in processes:
            for port in listening(process):
                yield f"listening {purposes.get(port) or process.name()}"


def settles(look: Any, seconds: float) -> list[str]:
    """Repeats a look that tells of differences until there are none, or the time is up."""
    end = time.monotonic() + seconds
    while True:
        try:
            found: list[str] = look()
        except Exception as error:  # noqa: BLE001 - a server that still comes up is a difference like another
            found = [f"no answer: {type(error).__name__}: {error}"]
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.5)


def listening(process: psutil.Process) -> set[int]:
    """The ports at which a process listens."""
    with contextlib.suppress(psutil.Error):
        connections = process.net_connections(kind="tcp")
        return {each.laddr[1] for each in connections if each.status == psutil.CONN_LISTEN}
    return set()


@contextlib.contextmanager
def made(members: int, *, keep: bool = False) -> Iterator[Ground]:
    """A checkout with an environment `soak`: the test inventory with its first members."""
    with checkouts.made(keep=keep) as checkout:
        inventory = yaml.safe_load((checkout.folder / "stacks" / "test.yaml").read_text())
        inventory["clusters"] = dict(list(inventory["clusters"].items())[:members])
        groups = {name for each in inventory["clusters"].values() for name in each["groups"]}
        inventory["groups"] = {name: each for name, each in inventory["groups"].items() if name in groups}
        (checkout.folder / "stacks" / f"{STACK}.yaml").write_text(yaml.safe_dump(inventory, sort_keys=False))
        ground = Ground(checkout, STACK)
        try:
            yield ground
        finally:
            if not keep:
                checkout.atoll("down", STACK, "--force", code=None)


def _blocks(folder: Path) -> list[str]:
    """The blocks of ports that are an environment's."""
    return ["block" for path in ports._registry().glob("[0-9]*") if path.read_text() == str(folder)]


def _title(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return process.name()
    return "ended"


def _files(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if not path.is_dir() and _STORE not in name and not name.startswith(_PASSING):
            yield name


MACHINE = f"{os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB"
