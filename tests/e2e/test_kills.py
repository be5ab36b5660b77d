"""The loops of the soak with small counts; `make soak` runs them in full."""

import random

import pytest

from atoll.core.errors import Exit
from e2e import looking
from soak import engine, processes
from soak.findings import Findings
from soak.ground import Ground

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def findings():
    """What a loop found: a round that failed fails the test."""
    made = Findings("small", "make test")
    yield made
    assert made.failures == []


@pytest.fixture
def ground(up):
    """The environment that all tests share; every loop leaves it as it was."""
    checkout, _ = up
    return Ground(checkout, "test")


def test_a_process_that_is_killed_comes_back_with_all_that_was_in_it(ground, findings):
    before = processes.settled(ground)

    processes.kill_in_turn(ground, findings, before, rounds=2, seed=random.randrange(10**6))


def test_after_the_supervisors_death_the_next_command_brings_all_back(ground, findings):
    processes.kill_supervisor(ground, findings, processes.settled(ground), commands=(("recap",),))


def test_after_a_loss_of_power_the_next_up_brings_all_back(ground, findings):
    processes.kill_everything(ground, findings, processes.settled(ground))


@pytest.mark.parametrize("victim", ["atoll", "pulumi", "plugin-atoll"])
def test_what_a_killed_run_had_begun_is_cleared_away_when_nobody_wants_it_any_more(ground, findings, victim):
    course = engine.Course(ground, findings, random.Random())
    course.expect("up", ground.settled())

    with findings.round(f"kill {victim}", 0, 1):
        course.disturb(engine.REGRET, victim, random.uniform(0, 8))


def test_of_two_runs_at_once_one_is_told_of_the_other(ground):
    checkout = ground.checkout
    runs = [checkout.start("up", ground.name) for _ in range(2)]
    said = [run.communicate()[0] for run in runs]

    assert sorted(run.returncode for run in runs) == [Exit.DONE, Exit.LOCKED], said
    assert ground.up()["changes"] == []
    assert looking.workers(ground.environment.folder).get("pulumi", []) == []
