"""`kill -9` of `atoll tools install` at random moments: what it builds is there whole or not at all."""

import random
import tempfile
import time
from pathlib import Path

import psutil

from e2e import checkout as checkouts
from e2e.checkout import Checkout
from soak.findings import Findings

PROGRAM = "kwok"
"""It needs the fewest sources of those that take long enough to be killed."""
_ENDS_WITHIN = 15.0
"""Seconds in which a compiler whose command died has ended."""


def run(findings: Findings, *, rounds: int, seed: int, keep: bool = False) -> None:
    """The whole loop with a cache of programs of its own; Go's own caches are the user's."""
    chance = random.Random(seed)
    with checkouts.made(keep=keep) as checkout, tempfile.TemporaryDirectory(prefix="atoll-cache-") as folder:
        cache = Path(folder)
        checkout.variables["ATOLL_CACHE"] = folder
        life = _installed(checkout, cache)
        findings.note("seconds of an undisturbed installation", f"{life:.1f}")
        for number in range(rounds):
            after = chance.random() * life
            with findings.round(f"kill `tools install` after {after:.2f} s", number, rounds):
                _remove(cache)
                _killed(checkout, cache, after)
                findings.measure("seconds of the next installation", _installed(checkout, cache))


def _installed(checkout: Checkout, cache: Path) -> float:
    begin = time.monotonic()
    checkout.atoll("tools", "install", PROGRAM)
    took = time.monotonic() - begin
    (program,) = cache.glob(f"tools/{PROGRAM}/*/{PROGRAM}")
    checkout.run([str(program), "--version"])
    left = [path for path in cache.rglob("*.unfinished.*") if path.exists()]
    assert not left, left
    return took


def _killed(checkout: Checkout, cache: Path, after: float) -> None:
    install = checkout.start("tools", "install", PROGRAM)
    time.sleep(after)
    below = psutil.Process(install.pid).children(recursive=True) if install.poll() is None else []
    install.kill()
    install.communicate()
    _, alive = psutil.wait_procs(below, timeout=_ENDS_WITHIN)
    assert not alive, f"compilers that outlived their command: {alive}"
    for program in cache.glob(f"tools/{PROGRAM}/*/{PROGRAM}"):
        if ".unfinished." not in str(program):
            checkout.run([str(program), "--version"])


def _remove(cache: Path) -> None:
    for entry in sorted(cache.glob("tools/**/*"), reverse=True):
        entry.rmdir() if entry.is_dir() else entry.unlink()
