"""`kill -9` of each process of a plane and of a member in turn, of their supervisor, and of everything at once."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from e2e import looking
from soak import ground as grounds
from soak import objects
from soak.findings import Findings
from soak.ground import Ground
from soak.objects import Held

BACK_WITHIN = 15.0
"""Seconds in which a killed process serves again, as the project promises."""
_SETTLED_WITHIN = 120.0
"""Seconds in which what an outage altered for a time (a taint, a condition) is as before."""
MEMBERS = 1
_COMMANDS = (("recap",), ("kubeconfig",), ("env",), ("up", "--json"))
"""Commands that need the processes, each of which must bring them back."""


def run(findings: Findings, *, rounds: int, seed: int, keep: bool = False) -> None:
    """The whole loop on an environment of its own."""
    with grounds.made(MEMBERS, keep=keep) as ground:
        ground.up()
        before = settled(ground)
        findings.note("objects compared", len(before))
        kill_in_turn(ground, findings, before, rounds, seed)
        kill_supervisor(ground, findings, before)
        kill_everything(ground, findings, before)


def kill_in_turn(ground: Ground, findings: Findings, before: dict[str, Held], rounds: int, seed: int) -> None:
    """Kills one process after the other: every one once before any a second time, in a random order."""
    names = _in_turn(sorted(ground.supervised()), random.Random(seed))
    for number in range(rounds):
        name = next(names)
        with findings.round(f"kill {name}", number, rounds):
            victim = _process(ground, name)
            ports = grounds.listening(victim)
            begin = time.monotonic()
            victim.kill()
            _await(lambda: _is_back(ground, name, victim.pid, ports), f"{name} is back", BACK_WITHIN)  # noqa: B023 - called at once
            findings.measure("seconds until a killed process serves again", time.monotonic() - begin)
            _nothing_lost(ground, before)
            _nothing_to_do(ground)


def kill_supervisor(
    ground: Ground,
    findings: Findings,
    before: dict[str, Held],
    commands: tuple[tuple[str, ...], ...] = _COMMANDS,
) -> None:
    """Kills the supervisor: its processes end with it, and the next command of any kind brings all back."""
    for number, words in enumerate(commands):
        with findings.round(f"kill the supervisor, then `atoll {words[0]}`", number, len(commands)):
            names = set(ground.supervised())
            supervisor = _supervisor(ground)
            below = supervisor.children(recursive=True)
            supervisor.kill()
            _, alive = psutil.wait_procs(below, timeout=BACK_WITHIN)
            assert not alive, f"processes that outlived their supervisor: {alive}"
            begin = time.monotonic()
            ground.checkout.atoll(words[0], ground.name, *words[1:])
            findings.measure("seconds of the command that brings all back", time.monotonic() - begin)
            running = {name for name, each in ground.supervised().items() if each["state"] == "RUNNING"}
            assert running == names, f"not running: {names - running}"
            _nothing_lost(ground, before)
            _nothing_to_do(ground)


def kill_everything(ground: Ground, findings: Findings, before: dict[str, Held]) -> None:
    """Ends all at once, as a loss of power does, with every lock and pid file left behind and somebody else's pid."""
    with findings.round("a reboot, then `atoll up`", 0, 1):
        folder = ground.environment.folder
        ports = (folder / "ports.json").read_text()
        identifiers = {name: api.identifier() for name, api in ground.apis().items()}
        _lose_power(folder)
        _leave_behind(ground)
        begin = time.monotonic()
        report = ground.up()
        findings.measure("seconds of `atoll up` after a reboot", time.monotonic() - begin)
        assert report["changes"] == [], report["changes"]
        assert {name: api.identifier() for name, api in ground.apis().items()} == identifiers
        assert (folder / "ports.json").read_text() == ports
        _nothing_lost(ground, before)
        _nothing_to_do(ground)


def _lose_power(folder: Path) -> None:
    processes = looking.processes(folder)
    # Frozen first, so that none sees another one's end.
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
    _, alive = psutil.wait_procs(processes, timeout=BACK_WITHIN)
    assert not alive, alive


def _leave_behind(ground: Ground) -> None:
    """What a machine that lost its power has on disk: here each names a process that lives and has nothing to do with it."""
    folder = ground.environment.folder
    assert (folder / "supervisord.pid").exists()
    assert (folder / "supervisor.sock").exists()
    (folder / "supervisord.pid").write_text(f"{os.getpid()}\n")
    (folder / "holder.json").write_text(f'{{"pid": {os.getpid()}, "purpose": "up"}}')
    for name in ("lock", "ports.lock", "supervisor.lock"):
        (folder / name).touch()
    for store in folder.glob("clusters/*/etcd"):
        (store / "member" / "snap" / "db.tmp.0").write_bytes(b"half")


def _in_turn(names: list[str], order: random.Random) -> Iterator[str]:
    while True:
        yield from order.sample(names, len(names))


def _process(ground: Ground, name: str) -> psutil.Process:
    return psutil.Process(int(ground.supervised()[name]["pid"]))


def _supervisor(ground: Ground) -> psutil.Process:
    return psutil.Process(int((ground.environment.folder / "supervisord.pid").read_text()))


def _is_back(ground: Ground, name: str, killed: int, ports: set[int]) -> bool:
    """Whether another process serves where the killed one did, and every API server is ready."""
    pids = [
        process.pid
        for process in looking.processes(ground.environment.folder)
        if grounds.listening(process) >= ports and process.pid != killed
    ]
    return bool(pids) and ground.answers() and _process(ground, name).pid not in (0, killed)


def settled(ground: Ground) -> dict[str, Held]:
    """All objects, once two looks in a row see the same."""
    looks: list[dict[str, Held]] = [{}]

    def changed() -> list[str]:
        looks.append(objects.held(ground.apis()))
        return objects.lost(looks[-2], looks[-1])

    differences = grounds.settles(changed, _SETTLED_WITHIN)
    assert not differences, differences
    return looks[-1]


def _nothing_lost(ground: Ground, before: dict[str, Held]) -> None:
    differences = grounds.settles(lambda: objects.lost(before, objects.held(ground.apis())), _SETTLED_WITHIN)
    assert not differences, differences


def _nothing_to_do(ground: Ground) -> None:
    report = ground.up()
    assert report["changes"] == [], report["changes"]


def _await(condition: Callable[[], bool], what: str, seconds: float) -> None:
    differences = grounds.settles(lambda: [] if condition() else [f"not so: {what}"], seconds)
    assert not differences, f"{differences} after {seconds:.0f} s"
