import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.automation import recap
from atoll.automation.events import Outcome, Result
from atoll.automation.recap import Tally
from atoll.core.errors import Exit

PLACES = ("control-plane", "lagoon", "reef")
VERBS = {Outcome.OK: "unchanged", Outcome.CHANGED: "created", Outcome.FAILED: "failed"}
RESULTS = st.lists(
    st.builds(
        lambda number, outcome, place: Result(f"a::b::t::r{number}", outcome, VERBS[outcome], place),
        st.integers(0, 20),
        st.sampled_from(Outcome),
        st.sampled_from([*PLACES, None]),
    )
)


def _result(name, outcome=Outcome.OK, place=None):
    return Result(f"urn:pulumi:dev::atoll::t::{name}", outcome, VERBS[outcome], place)


def _object(name, revision="r1", **revisions):
    found = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "revision": revision}
    return found | ({"revisions": revisions} if revisions else {})


def _status(objects, **delivered):
    return {"g": {"clusters": list(delivered), "objects": objects, "delivered": delivered}}


def test_each_cluster_is_told_what_became_of_its_resources():
    found = recap.of_run(
        PLACES,
        [
            _result("a", Outcome.CHANGED, "lagoon"),
            _result("b", Outcome.OK, "lagoon"),
            _result("c", Outcome.FAILED, "reef"),
            _result("d", Outcome.CHANGED),
        ],
    )
    assert found == {
        "control-plane": Tally(changed=1),
        "lagoon": Tally(ok=1, changed=1),
        "reef": Tally(failed=1),
    }


def test_the_last_word_on_a_resource_counts():
    found = recap.of_run(PLACES, [_result("a", Outcome.CHANGED), _result("a", Outcome.FAILED)])
    assert found["control-plane"] == Tally(failed=1)
    assert recap.counts([_result("a", Outcome.CHANGED), _result("a", Outcome.FAILED)]) == {
        Outcome.OK: 0,
        Outcome.CHANGED: 0,
        Outcome.FAILED: 1,
    }


def test_a_cluster_that_goes_away_is_told_too():
    assert recap.of_run(PLACES, [_result("a", Outcome.CHANGED, "atoll-9")])["atoll-9"] == Tally(changed=1)


def test_what_left_is_not_among_what_remains():
    results = [
        dataclasses.replace(_result("a", Outcome.CHANGED, "atoll-9"), verb="deleted"),
        dataclasses.replace(_result("b", Outcome.CHANGED, "reef"), verb="deleted"),
        _result("c", Outcome.OK, "reef"),
    ]

    assert recap.remaining(recap.of_run(PLACES, results), results) == list(PLACES)


@given(RESULTS)
def test_every_resource_is_counted_once(results):
    found = recap.of_run(PLACES, results)
    resources = {each.urn for each in results}
    assert sum(tally.ok + tally.changed + tally.failed for tally in found.values()) == len(resources)
    assert sum(recap.counts(results).values()) == len(resources)
    assert list(found)[:3] == list(PLACES)


@pytest.mark.parametrize(
    ("before", "after", "tally"),
    [
        ({}, _status([_object("a"), _object("b")], lagoon=2), Tally(changed=2)),
        (
            _status([_object("a"), _object("b")], lagoon=2),
            _status([_object("a"), _object("b")], lagoon=2),
            Tally(ok=2),
        ),
        (
            _status([_object("a"), _object("b")], lagoon=2),
            _status([_object("a"), _object("b", "r2")], lagoon=2),
            Tally(ok=1, changed=1),
        ),
        ({}, _status([_object("a"), _object("b")], lagoon=1), Tally(changed=1, failed=1)),
        # One that was lost came back, though nothing was declared anew.
        (
            _status([_object("a"), _object("b")], lagoon=1),
            _status([_object("a"), _object("b")], lagoon=2),
            Tally(ok=1, changed=1),
        ),
        # A cluster that joins has all of it anew.
        (_status([_object("a")], reef=1), _status([_object("a")], reef=1, lagoon=1), Tally(changed=1)),
        # Another override elsewhere is nothing here.
        (
            _status([_object("a", reef="r2")], lagoon=1),
            _status([_object("a", reef="r3")], lagoon=1),
            Tally(ok=1),
        ),
        (
            _status([_object("a", lagoon="r2")], lagoon=1),
            _status([_object("a", lagoon="r3")], lagoon=1),
            Tally(changed=1),
        ),
        ({}, {}, Tally()),
    ],
)
def test_what_propagations_brought_is_told_by_cluster(before, after, tally):
    assert recap.deliveries({"lagoon": Tally()}, before, after)["lagoon"] == tally


def test_deliveries_add_to_what_the_engine_did():
    found = recap.deliveries({"lagoon": Tally(ok=3)}, {}, _status([_object("a")], lagoon=1, reef=0))
    assert found == {"lagoon": Tally(ok=3, changed=1), "reef": Tally(failed=1)}


def test_a_dead_cluster_is_unreachable_and_not_failed():
    found = recap.unreachable({"lagoon": Tally(ok=1), "reef": Tally(ok=2, failed=3)}, {"reef": "no answer"})
    assert found == {"lagoon": Tally(ok=1), "reef": Tally(ok=2, unreachable="no answer")}


@pytest.mark.parametrize(
    ("tallies", "code"),
    [
        ({}, Exit.DONE),
        ({"a": Tally(ok=1, changed=1)}, Exit.DONE),
        ({"a": Tally(), "b": Tally(unreachable="dead")}, Exit.UNAVAILABLE),
        ({"a": Tally(failed=1), "b": Tally(unreachable="dead")}, Exit.FAILED),
    ],
)
def test_the_worst_cluster_makes_the_exit_code(tallies, code):
    assert recap.exit_code(tallies) is code


def _failed(name, code, place=None):
    return Result(f"urn:pulumi:dev::atoll::t::{name}", Outcome.FAILED, "failed", place, code=code)


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([_failed("a", Exit.UNAVAILABLE), _failed("b", Exit.UNAVAILABLE)], Exit.UNAVAILABLE),
        ([_failed("a", Exit.REFUSED)], Exit.REFUSED),
        ([_failed("a", Exit.UNAVAILABLE), _failed("b", Exit.REFUSED)], Exit.FAILED),
        ([_failed("a", Exit.UNAVAILABLE), _failed("b", None)], Exit.FAILED),
        ([_failed("a", None)], Exit.FAILED),
        # What failed because its cluster is silent is told by the cluster.
        ([_failed("a", Exit.REFUSED), _failed("b", None, "reef")], Exit.REFUSED),
        # It was tried again, and done.
        ([_failed("a", Exit.REFUSED), _failed("b", None), _result("b")], Exit.REFUSED),
    ],
)
def test_what_failed_for_one_reason_ends_with_its_exit_code(results, code):
    found = recap.unreachable(recap.of_run(PLACES, results), {"reef": "no answer"})

    assert recap.exit_code(found, results) is code


def test_the_recap_is_told_in_ansibles_manner():
    found = {"control-plane": Tally(12, 3, 0), "reef": Tally(0, 0, 1, "no answer")}
    assert recap.lines(found) == [
        "control-plane : ok=12   changed=3    failed=0    unreachable=0",
        "reef          : ok=0    changed=0    failed=1    unreachable=1  (no answer)",
    ]
    assert recap.lines({}) == []
    assert recap.values(found)["reef"] == {"ok": 0, "changed": 0, "failed": 1, "unreachable": "no answer"}
    assert recap.values(found)["control-plane"]["unreachable"] is None
