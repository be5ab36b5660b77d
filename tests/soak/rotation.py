"""`kill -9` of `atoll secrets rotate` at random moments with 500 sealed values: all of them open, and the next run completes."""

import random
import time

from e2e import checkout as checkouts
from e2e import rotating
from e2e.rotating import ENVIRONMENT, KEY, Vault
from soak.findings import Findings

_OWN = ""
_NAMES = {KEY: "a key of the inventory", _OWN: "the environment's own key"}


def run(findings: Findings, *, rounds: int, seed: int, keep: bool = False) -> None:
    """The whole loop: each key of the two in turn."""
    chance = random.Random(seed)
    with checkouts.made(keep=keep) as checkout:
        checkout.report("up", ENVIRONMENT)
        try:
            with rotating.vault(checkout, secrets=10, values=50) as vault:
                lives = {key: _undisturbed(findings, vault, key) for key in _NAMES}
                delivered = vault.delivered()
                for number in range(rounds):
                    key = KEY if number % 4 else _OWN
                    after = chance.random() * lives[key]
                    with findings.round(
                        f"kill `secrets rotate` ({_NAMES[key]}) after {after:.2f} s", number, rounds
                    ):
                        findings.measure("kills that found it at work", float(vault.killed(after, key)))
                        vault.readable(f"killed after {after:.2f} s")
                        findings.measure("seconds of the run that completes it", _completed(vault, key))
                        assert vault.delivered() == delivered
        finally:
            if not keep:
                checkout.atoll("down", ENVIRONMENT, "--force", code=None)


def _undisturbed(findings: Findings, vault: Vault, key: str) -> float:
    took = _completed(vault, key)
    findings.note(f"seconds of an undisturbed rotation of {_NAMES[key]}", f"{took:.1f}")
    return took


def _completed(vault: Vault, key: str) -> float:
    begin = time.monotonic()
    report = vault.rotated(key)
    took = time.monotonic() - begin
    vault.done(report, key)
    return took
