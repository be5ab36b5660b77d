"""A member that fails beside others that do not: `python -m bench.failing [COUNT [CHANGES]]`.

The last of COUNT lean members is killed (and stays away), frozen (SIGSTOP of its API server) and slow (200 ms more for each
round trip, by a proxy between Karmada and it). For each: one policy is changed CHANGES times while all is well, then
CHANGES times or more from the moment at which the member fails until it is shown. Told are the seconds until Karmada shows it as
not Ready, P50 and P95 over changes and the other members of the seconds from the write on the plane until a member has
the change, those until the member has all of it after its return (of a slow one: until it has one more change, slow as
it is), and whether `atoll recap` is right in between and afterwards. Programs must be built.
"""

import contextlib
import itertools
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from atoll.core import command
from atoll.federation import delivery, works
from atoll.federation.joining import CLUSTERS
from atoll.host import Supervisor
from atoll.kubernetes import Api, Kubeconfig, identities
from atoll.kubernetes.client import MERGE
from bench import delaying, failures, fleet, others, policies
from bench.figures import percentile
from bench.fleet import Fleet
from bench.policies import Manifest, Revision

_COUNT, _CHANGES = 17, 20
_PLANE = "control-plane"
_MANAGER = f"{_PLANE}.karmada-controller-manager"
_DELAY = 0.2
_LIMIT = 120.0
_SETTLE = 5.0
"""Seconds after which Karmada's caches are at rest again."""


@dataclass(frozen=True)
class Row:
    """What one kind of failure did; seconds. `shown` is None for one that is to go on as Ready."""

    state: str
    shown: float | None
    before: list[float]
    beside: list[float]
    caught_up: float
    recap: bool


class Ground:
    """A fleet that is up, and one member of it that will fail."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet, self.victim = fleet, fleet.members[-1]
        self.supervisor = Supervisor(fleet.environment)
        self.plane = Api(Kubeconfig.read(fleet.kubeconfig(_PLANE).read_text()))
        self._member = Api(Kubeconfig.read(fleet.kubeconfig(self.victim).read_text()))
        self._python = others.python()
        self._targets = {each["name"]: each for each in json.loads(fleet.targets().read_text())}
        self._revisions = map(Revision(0).with_policy, itertools.cycle(range(1, policies.PORTS + 1)))
        self._before = Revision(0)

    @property
    def server(self) -> str:
        """What the supervisor calls the API server of the one that fails."""
        return f"{self.victim}.kube-apiserver"

    def others(self) -> list[str]:
        """The members that do not fail."""
        return [name for name in self._targets if name != self.victim]

    def change(self, members: Sequence[str]) -> list[float]:
        """Changes one policy for all, and returns the seconds until each of some members has it."""
        before, self._before = self._before, next(self._revisions)
        changed = policies.differing(before, self._before)
        with self._heard(changed, members) as heard:
            begin = time.monotonic()
            self._write(changed)
        return [heard[name] - begin for name in members]

    def shown(self) -> bool:
        """Whether Karmada says that the member fails."""
        return delivery.unready(self.plane.find(f"{CLUSTERS}/{self.victim}")) is not None

    def caught_up(self, revive: Callable[[], object]) -> float:
        """Brings the member back; seconds until it has what was changed last."""
        begin = time.monotonic()
        revive()
        failures.until(self._member.healthy)
        with self._heard(policies.differing(Revision(0), self._before), [self.victim]) as heard:
            pass
        return heard[self.victim] - begin

    def recap(self, *, fails: bool) -> bool:
        """Whether `atoll recap` is right of every member."""
        argv = [fleet.ATOLL, "recap", fleet.NAME, "--json"]
        done = command.run(argv, env=self._fleet.variables, cwd=self._fleet.clone, check=False)
        report = json.loads(done.stdout)
        silent = {name for name, tally in report["clusters"].items() if tally["unreachable"]}
        failed = [name for name, tally in report["clusters"].items() if tally["failed"]]
        return not failed and silent == ({self.victim} if fails else set())

    def _write(self, changed: Sequence[Manifest]) -> None:
        """Puts what changed into the Work of each member, all at once."""
        found = self.plane.items(works.API, "Work", labelSelector=f"{works.BUNDLE}=policies")
        new = {identities.of(each): each for each in changed}

        def write(work: Manifest) -> None:
            manifests = [
                {**each, **{key: new[identities.of(each)][key] for key in policies.FIELDS if key in each}}
                if identities.of(each) in new
                else each
                for each in works.manifests(work)
            ]
            merge = {"spec": {"workload": {"manifests": manifests}}}
            self.plane.request("PATCH", self.plane.path(work), merge, content_type=MERGE)

        with ThreadPoolExecutor(len(found)) as pool:
            list(pool.map(write, found))

    @contextlib.contextmanager
    def _heard(self, wanted: Sequence[Manifest], members: Sequence[str]) -> Iterator[dict[str, float]]:
        """When each of some members had objects, after the block; infinity for one that never had them."""
        told = {"objects": [policies.located(each) for each in wanted], "review": None}
        told |= {"fields": policies.FIELDS, "label": policies.LABEL}
        targets = self._fleet.written("some.json", [self._targets[name] for name in members])
        files = [targets, self._fleet.written("wanted.json", told)]
        argv = [self._python, Path(__file__).parent / "probe.py", *files, str(_LIMIT)]
        heard: dict[str, float] = {}
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as probe:
            _line(probe)
            yield heard
            found = json.loads(_line(probe))
        heard |= dict.fromkeys(members, float("inf")) | found["at"]


def _measured(
    ground: Ground,
    state: str,
    failure: contextlib.AbstractContextManager[failures.Revive],
    changes: int,
    *,
    fails: bool = True,
) -> Row:
    names = ground.others()
    before = [each for _ in range(changes) for each in ground.change(names)]
    seen: list[float] = []
    begin = time.monotonic()
    with failure as revive:
        looking = threading.Thread(target=_noted, args=(ground.shown, seen, begin), daemon=True)
        if fails:
            looking.start()
        beside: list[float] = []
        while len(beside) < changes * len(names) or looking.is_alive():
            beside += ground.change(names)
        right = ground.recap(fails=fails) and ground.shown() is fails
        caught_up = ground.caught_up(revive) if fails else ground.change([ground.victim])[0]
    failures.until(lambda: not ground.shown())
    right = right and ground.recap(fails=False)
    return Row(state, seen[0] if seen else None, before, beside, caught_up, right)


def _line(process: subprocess.Popen[str]) -> str:
    return process.stdout.readline() if process.stdout else ""


def _noted(condition: Callable[[], bool], seen: list[float], begin: float) -> None:
    failures.until(condition)
    seen.append(time.monotonic() - begin)


@contextlib.contextmanager
def _behind_a_proxy(ground: Ground) -> Iterator[delaying.Delay]:
    """Karmada reaches the member by a proxy, from its first connection on: it starts anew for that."""
    path = f"{CLUSTERS}/{ground.victim}"
    direct = ground.plane.request("GET", path)["spec"]["apiEndpoint"]
    with delaying.delaying(urlsplit(direct).port or 0) as proxy:
        _lead(ground, path, proxy.address)
        try:
            yield proxy
        finally:
            _lead(ground, path, direct)


def _lead(ground: Ground, path: str, address: str) -> None:
    ground.plane.request("PATCH", path, {"spec": {"apiEndpoint": address}}, content_type=MERGE)
    ground.supervisor.restart(_MANAGER)
    time.sleep(_SETTLE)
    failures.until(lambda: not ground.shown())


def rows(count: int, changes: int) -> Iterator[Row]:
    """A row for each kind of failure."""
    with fleet.made(count) as made:
        made.declare(policies.objects(Revision(0)))
        fleet.timed(made.up, made)
        ground = Ground(made)
        for failure in (failures.killed, failures.frozen):
            yield _measured(ground, failure.__name__, failure(ground.supervisor, ground.server), changes)
        with _behind_a_proxy(ground) as proxy:
            yield _measured(ground, "slow", _slow(proxy), changes, fails=False)


@contextlib.contextmanager
def _slow(proxy: delaying.Delay) -> Iterator[failures.Revive]:
    proxy.seconds = _DELAY
    yield lambda: None
    proxy.seconds = 0.0


def main(words: Sequence[str]) -> None:
    """Prints one line for each kind of failure; `words` are the number of members and that of changes."""
    given = [int(word) for word in words]
    count, changes = [*given, *(_COUNT, _CHANGES)[len(given) :]]
    print(
        "member  shown: s  others' P50, P95 before: s  beside it: s  P95 ratio  up to date: s  recap",
        flush=True,
    )
    for row in rows(count, changes):
        shown = "-" if row.shown is None else f"{row.shown:.1f}"
        before, beside = ((percentile(each, 50), percentile(each, 95)) for each in (row.before, row.beside))
        print(
            f"{row.state:7} {shown:>8} {before[0]:19.3f}, {before[1]:5.3f} {beside[0]:8.3f}, {beside[1]:5.3f} "
            f"{beside[1] / before[1]:9.2f} {row.caught_up:14.1f}  {'right' if row.recap else 'WRONG'}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
