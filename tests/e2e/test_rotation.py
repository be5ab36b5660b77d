"""Keys are rotated with 500 sealed values, killed on the way: everything opens at every moment, and the next run completes."""

import random
import secrets

import pytest

from atoll.core.errors import Exit
from e2e import rotating

pytestmark = pytest.mark.timeout(300)
_KILLS = 2
"""`make soak PART=rotation` has more of them."""


@pytest.fixture(scope="module")
def vault(up):
    checkout, _ = up
    with rotating.vault(checkout, secrets=10, values=50) as made:
        yield made


def test_a_rotation_that_is_killed_is_completed_by_the_next_run(vault, record_property):
    seed = secrets.randbelow(10**6)
    record_property("seed", seed)
    chance, delivered = random.Random(seed), vault.delivered()

    for _ in range(_KILLS):
        vault.killed(after := chance.uniform(1, 7))
        vault.readable(f"killed after {after:.2f} s (seed {seed})")
    report = vault.rotated()

    vault.done(report)
    assert vault.delivered() == delivered
    assert vault.checkout.report("secrets", "rotate", rotating.ENVIRONMENT, rotating.KEY, "--resume") == {}


def test_the_environments_own_key_takes_the_state_along(vault):
    before = vault.today("")

    report = vault.rotated("")

    vault.done(report, "")
    assert before in report["old"]


def test_a_key_that_is_not_declared_is_refused_and_nothing_changes(vault):
    before = vault.states()

    told = vault.checkout.atoll("secrets", "rotate", rotating.ENVIRONMENT, "mian", code=Exit.SETTINGS)

    assert "secrets rotate: found 'mian'; expected key main. Did you mean 'main'?" in told.stderr
    assert vault.states() == before
