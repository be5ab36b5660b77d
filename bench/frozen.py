"""Whether a frozen member holds up the others: `python -m bench.frozen`.

A change of many objects is propagated to three members, with all of them alive and with one whose API server is
stopped by a signal. For each other member: seconds until its own API shows every object as it was written, from the
start of the command and from the moment that the plane had all of them. Programs must be built.
"""

import contextlib
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import yaml

from atoll.core import command
from atoll.host import Environment
from atoll.kubernetes import Api, Kubeconfig

_ATOLL = Path(sys.executable).parent / "atoll"
_ROOT = Path(__file__).parent.parent
_MEMBERS = ("lagoon", "reef", "motu")
_VICTIM = "motu"
_PLANE = "control-plane"
_NAMESPACE = "ballast"
_OBJECTS = int(os.environ.get("ATOLL_BENCH_OBJECTS", "100"))
"""More than the Works that Karmada carries at a time by default (5), and than the 40 of a tuned one."""
_ROUNDS = int(os.environ.get("ATOLL_BENCH_ROUNDS", "3"))
_POLL = 0.05
_LIMIT = 120.0
Times = dict[str, float]
"""Seconds on the monotonic clock at which each cluster had it all."""


class Ground:
    """A clone of the committed checkout with an environment of its own."""

    def __init__(self, folder: Path) -> None:
        self._clone, self._home = folder / "atoll", folder / "home"
        self._variables = {**os.environ, "ATOLL_HOME": str(self._home)}
        command.run(["git", "clone", "--quiet", _ROOT, self._clone])

    def atoll(self, *words: str, check: bool = True) -> command.Completed:
        """Runs the command in it."""
        return command.run([_ATOLL, *words], env=self._variables, cwd=self._clone, check=check)

    def declare(self, text: str) -> None:
        """Writes the ballast with a text into the inventory."""
        path = self._clone / "stacks" / "dev.yaml"
        inventory = yaml.safe_load(path.read_text())
        inventory["propagations"][_NAMESPACE] = {"groups": ["all"], "resources": [*_ballast(text)]}
        path.write_text(yaml.safe_dump(inventory))

    @property
    def environment(self) -> Environment:
        """Where the environment lives."""
        return Environment(self._clone, "dev", next(self._home.glob("*/dev")))

    def api(self, name: str) -> Api:
        """A cluster's own API server."""
        path = self.environment.clusters / name / "pki" / "admin.kubeconfig"
        return Api(Kubeconfig.read(path.read_text()), read=5)

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """One member's API server, stopped in its tracks."""
        folder = str(self.environment.clusters / name)
        (server,) = (
            each
            for each in psutil.process_iter(["name", "cmdline"])
            if each.info["name"].startswith("kube-apiserver") and folder in " ".join(each.info["cmdline"])
        )
        server.suspend()
        try:
            yield
        finally:
            server.resume()


def _ballast(text: str) -> Iterator[dict[str, Any]]:
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE}}
    for number in range(_OBJECTS):
        metadata = {"name": f"stone-{number}", "namespace": _NAMESPACE}
        yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": text}}


def _watch(api: Api, text: str) -> float:
    """When a cluster has every object with the text."""
    end = time.monotonic() + _LIMIT
    while time.monotonic() < end:
        with contextlib.suppress(Exception):  # it may not serve the namespace yet
            found = api.items("v1", "ConfigMap", _NAMESPACE)
            if sum(each.get("data") == {"text": text} for each in found) == _OBJECTS:
                return time.monotonic()
        time.sleep(_POLL)
    return float("inf")


def propagate(ground: Ground, text: str, clusters: tuple[str, ...]) -> tuple[Times, float]:
    """Propagates a change; returns when each cluster had it, and when the command began."""
    ground.declare(text)
    found: Times = {}
    apis = {name: ground.api(name) for name in clusters}

    def note(name: str) -> None:
        found[name] = _watch(apis[name], text)

    watchers = [threading.Thread(target=note, args=(name,)) for name in clusters]
    begin = time.monotonic()
    for watcher in watchers:
        watcher.start()
    ground.atoll("up", "dev", check=False)
    for watcher in watchers:
        watcher.join()
    return found, begin


def rounds(ground: Ground, *, freeze: bool) -> Iterator[tuple[Times, float]]:
    """The same change again and again, each time of another text."""
    clusters = (_PLANE, *(name for name in _MEMBERS if name != _VICTIM))
    for number in range(1, _ROUNDS + 1):
        text = f"{'frozen' if freeze else 'usual'} {number}"
        _tell(f"{text} of {_ROUNDS}")
        with ground.frozen(_VICTIM) if freeze else contextlib.nullcontext():
            measured = propagate(ground, text, clusters)
        yield measured
        if freeze:
            ground.atoll("up", "dev")


def _tell(what: str) -> None:
    print(f"frozen: {what}", file=sys.stderr, flush=True)


def rows(ground: Ground) -> Iterator[tuple[str, float, float]]:
    """What was measured: (what, usual seconds, seconds beside a frozen member), medians."""
    _tell("bringing three members up")
    ground.declare("first")
    ground.atoll("up", "dev")
    usual, frozen = ([*rounds(ground, freeze=freeze)] for freeze in (False, True))
    for name in (name for name in _MEMBERS if name != _VICTIM):
        for origin, pick in (("the start", _since_start), ("the plane", _since_plane)):
            values = [statistics.median(pick(each, name) for each in runs) for runs in (usual, frozen)]
            yield f"{name}: {_OBJECTS} objects, from {origin}", values[0], values[1]


def _since_start(measured: tuple[Times, float], name: str) -> float:
    times, begin = measured
    return times[name] - begin


def _since_plane(measured: tuple[Times, float], name: str) -> float:
    times, _ = measured
    return times[name] - times[_PLANE]


def main() -> None:
    """Prints one line for each member and origin."""
    folder = Path(tempfile.mkdtemp(prefix="atoll-bench-"))
    ground = Ground(folder)
    try:
        for what, usual, frozen in rows(ground):
            print(f"{what:<40} {usual:6.2f} s usual {frozen:6.2f} s beside a frozen one", flush=True)
    finally:
        ground.atoll("down", "dev", "--force", check=False)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
