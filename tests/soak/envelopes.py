"""Sealed messages, tampered with in every way: none opens, and no answer tells why."""

import io
import random

from atoll.secrets.envelope import WrappingKey
from harness import keys, tampering
from harness.tampering import Sealed
from soak.findings import Findings

_BATCH = 500
"""Cases of one round; each has two messages of its own."""


def run(findings: Findings, *, rounds: int, seed: int, keep: bool = False) -> None:  # noqa: ARG001 - nothing is up
    """The whole loop with a KMS in this process."""
    chance = random.Random(seed)
    counts = dict.fromkeys(tampering.ANSWERS, 0)
    with keys.played() as access:
        key = keys.made(access)
        for number in range(rounds):
            with findings.round(f"cases ({_BATCH})", number, rounds):
                sealed, other = (_sealed(key, chance) for _ in range(2))
                for _ in range(_BATCH):
                    counts[tampering.refused(key, tampering.one(chance, sealed, other))] += 1
    findings.note("messages tampered with", rounds * _BATCH)
    for answer, count in counts.items():
        findings.note(f"answered: {answer}", count)


def _sealed(key: WrappingKey, chance: random.Random) -> Sealed:
    value, target = chance.randbytes(2 * tampering.FRAME + chance.randrange(tampering.FRAME)), io.BytesIO()
    key.seal(tampering.CONTEXT, io.BytesIO(value), target, frame=tampering.FRAME)
    return Sealed(target.getvalue(), key.arn)
