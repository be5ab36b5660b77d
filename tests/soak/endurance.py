"""Half an hour with a change every five seconds: memory, open files and disk must not grow.

Every five seconds an object on the plane changes and must arrive in each member; every thirty seconds `atoll up`
runs with a changed variable, so that the engine, its plugins and what they leave behind are loaded as well.

What is allowed to move, and why the rule is what it is: an API server's and a store's heap breathe with their garbage
collectors, a store's log comes in segments of 64 MB that are written ahead, and its database grows until a compaction
(every five minutes) frees pages for reuse. All of that is over in the first third, and what goes up and down has one
median. So: the median of the last third may be no more than 5 % above the median of the middle third. Logs and what
the engine keeps of past runs fill up for longer than this loop lasts: they are held to their bounds instead.
"""

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from e2e import looking
from harness.waiting import until
from soak import ground as grounds
from soak.findings import Findings
from soak.ground import Ground

MEMBERS = 1
_BEAT = 5.0
_RUN_EVERY = 6
"""Beats from one `atoll up` to the next."""
_ARRIVES_WITHIN = 30.0
_GROWTH = 1.05
_FEW = 9
"""Samples below which thirds say nothing."""
_BEATEN = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "settings", "namespace": "beacon"},
}


@dataclass(frozen=True)
class Sample:
    """What an environment takes at one moment: memory and disk in MiB, files as a number.

    Its disk is in four parts: stores, logs, the engine's, and all else.
    """

    resident: float
    files: float
    stores: float
    logs: float
    engine: float
    rest: float


_MEASURES = {
    "resident": "memory, resident (MiB)",
    "files": "open files",
    "stores": "disk, clusters with their stores (MiB)",
    "logs": "disk, logs (MiB)",
    "engine": "disk, the engine's state and past (MiB)",
    "rest": "disk, all else (MiB)",
}
_BOUNDS = {"logs": 512.0, "engine": 80.0}
"""What fills up to a bound: two logs of 1 MiB for each process of a whole block of ports; 32 MiB each of histories and
backups, and the state and the plugins' launchers."""


def run(findings: Findings, *, rounds: int, seed: int, keep: bool = False) -> None:  # noqa: ARG001 - every part takes a seed
    """The whole loop on an environment of its own; a round is one minute."""
    with grounds.made(MEMBERS, keep=keep) as ground:
        ground.up()
        samples = list(_beats(ground, findings, minutes=rounds))
        findings.note("changes on the plane, each seen in the member", len(samples))
        with findings.round("memory, open files and disk are flat", 0, 1):
            judge(findings, samples)


def judge(findings: Findings, samples: list[Sample]) -> None:
    """Compares the last third of the samples with the middle one, by each measure."""
    grown = []
    for field, what in _MEASURES.items():
        values = [getattr(sample, field) for sample in samples]
        first, middle, last = (statistics.median(third) for third in thirds(values))
        findings.note(f"{what}: first, middle, last third", f"{first:.1f}, {middle:.1f}, {last:.1f}")
        if not (values[-1] <= _BOUNDS[field] if field in _BOUNDS else is_flat(values)):
            grown.append(f"{what}: {middle:.1f}, then {last:.1f}")
    assert not grown, grown


def thirds(values: list[float]) -> tuple[list[float], list[float], list[float]]:
    """The values in three parts, as even as may be."""
    one, two = len(values) // 3, 2 * len(values) // 3
    return values[:one], values[one:two], values[two:]


def is_flat(values: list[float]) -> bool:
    """Whether the last third is no more than the middle one, but for the tolerance; too few values say nothing."""
    if len(values) < _FEW:
        return True
    _, middle, last = thirds(values)
    return statistics.median(last) <= statistics.median(middle) * _GROWTH


def _beats(ground: Ground, findings: Findings, minutes: float) -> Iterator[Sample]:
    begin, beat = time.monotonic(), 0
    plane = ground.apis()["control-plane"]
    members = {name: api for name, api in ground.apis().items() if name != "control-plane"}
    while time.monotonic() < begin + minutes * 60:
        plane.apply({**_BEATEN, "data": {"beat": str(beat)}}, manager="soak", force=True)
        written = time.monotonic()
        for name, api in members.items():
            until(lambda: _beat_of(api) == str(beat), f"{name} has beat {beat}", _ARRIVES_WITHIN)  # noqa: B023 - called at once
        findings.measure("seconds from the plane to the member", time.monotonic() - written)
        if beat % _RUN_EVERY == _RUN_EVERY - 1:
            with _level(ground, beat):
                started = time.monotonic()
                ground.up()
                findings.measure("seconds of `atoll up` with a changed variable", time.monotonic() - started)
        sample = _sample(ground)
        if beat % 12 == 0:
            findings.say(f"beat {beat}: {sample}")
        yield sample
        beat += 1
        time.sleep(max(0.0, begin + beat * _BEAT - time.monotonic()))


def _beat_of(api: Any) -> str | None:
    live = api.get(_BEATEN)
    return live["data"].get("beat") if live else None


def _level(ground: Ground, beat: int) -> contextlib.AbstractContextManager[None]:
    level = "debug" if beat // _RUN_EVERY % 2 else "info"
    change: Callable[[dict[str, Any]], None] = lambda inventory: inventory.update(vars={"logLevel": level})  # noqa: E731 - one assignment
    return ground.checkout.edited(ground.name, change)


def _sample(ground: Ground) -> Sample:
    folder = ground.environment.folder
    resident = files = 0.0
    for process in looking.processes(folder):
        with contextlib.suppress(psutil.Error):
            # Not the proportional size: what runs beside, of the same programs, would move it.
            resident += process.memory_info().rss
            files += process.num_fds()
    sizes = {name: _size(folder / name) for name in ("", "clusters", "logs", "engine", "state")}
    engine = sizes["engine"] + sizes["state"]
    return Sample(
        resident / 2**20,
        files,
        sizes["clusters"],
        sizes["logs"],
        engine,
        sizes[""] - sizes["clusters"] - sizes["logs"] - engine,
    )


def _size(folder: Path) -> float:
    """What a folder takes on disk, in MiB; a file that goes meanwhile takes nothing."""
    blocks = 0
    for path, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                blocks += (Path(path) / name).lstat().st_blocks
    return blocks * 512 / 2**20
