"""The long loops: `python -m soak [PART ...]`, each part an environment of its own."""

import argparse
import secrets
import signal
import sys
from collections.abc import Callable

from soak import endurance, engine, envelopes, interrupts, processes, rotation, tools
from soak.findings import Findings


def main() -> int:
    """Runs the chosen parts one after the other; 1 where a round failed."""
    words = _parser().parse_args()
    # Ended by TERM it takes its environment down as well; a background job is deaf to an interrupt.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    seed = secrets.randbelow(10**6) if words.seed is None else words.seed
    failed = False
    for name in words.part or _PARTS:
        part, rounds = _PARTS[name]
        chosen = words.rounds or rounds
        command = f"make soak PART={name} ROUNDS={chosen} SEED={seed}"
        findings = Findings(name, command)
        findings.say(f"begins. To run it again: {command}")
        with findings.round(f"the whole of {name}", 0, 1):
            part(findings, rounds=chosen, seed=seed, keep=words.keep)
        findings.write()
        failed = failed or bool(findings.failures)
    return int(failed)


_PARTS: dict[str, tuple[Callable[..., None], int]] = {
    "processes": (processes.run, 20),
    "engine": (engine.run, 40),
    "tools": (tools.run, 10),
    "endurance": (endurance.run, 30),
    "envelopes": (envelopes.run, 20),
    "interrupts": (interrupts.run, 10),
    "rotation": (rotation.run, 10),
}
"""Each part with the rounds of its full count; a round of endurance is a minute, one of envelopes 500 cases, one
of interrupts each of three signals."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("part", nargs="*", choices=[*_PARTS, []], help="all of them unless named")
    parser.add_argument("--rounds", type=int, help="how many rounds instead of the full count")
    parser.add_argument("--seed", type=int, help="the seed of what is random, as an earlier run printed it")
    parser.add_argument("--keep", action="store_true", help="leave the environment up, to look for a fault")
    return parser


if __name__ == "__main__":
    sys.exit(main())
