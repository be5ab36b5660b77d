"""The life of a rotated key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.core.errors import Exit, RefusedError
from atoll.secrets import lifecycle
from atoll.secrets.lifecycle import OPENS, TABLE, State, Transition, Version

_STEPS = st.lists(st.sampled_from(["make", "rotate", "restore", "settle", "abandon"]), max_size=30)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("transition", Transition)
def test_a_transition_leads_where_the_table_says_or_is_refused_in_one_line(state, transition):
    if (state, transition) in TABLE:
        assert lifecycle.after("app", state, transition) is TABLE[state, transition]
        return
    with pytest.raises(RefusedError) as raised:
        lifecycle.after("app", state, transition)
    assert raised.value.exit_code is Exit.REFUSED
    assert str(raised.value).startswith(
        f"key app: found it {state}, and no way to {transition} it; expected "
    )
    assert "\n" not in str(raised.value)


def test_what_is_retired_stays_so_and_everything_else_gets_there():
    reached = {State.RETIRED}
    for _ in State:
        reached |= {state for (state, _), to in TABLE.items() if to in reached}

    assert lifecycle.legal(State.RETIRED) == []
    assert reached == set(State)


def test_an_active_key_retires_only_by_way_of_retiring():
    assert {to for (state, _), to in TABLE.items() if state is State.ACTIVE} == {State.RETIRING}


def _played(steps, draw):
    """The keys of a name after steps, each drawn where there is a choice; what was sealed under each."""
    states: dict[Version, State] = {}
    sealed: set[Version] = set()
    for number, step in enumerate(steps):
        ready = [version for version, state in states.items() if state is State.PENDING]
        going = [version for version, state in states.items() if state is State.RETIRING]
        if step == "make":
            states[Version(f"k{number}")] = State.PENDING
        elif step == "rotate" and ready:
            states = lifecycle.rotated(states, draw(st.sampled_from(ready)))
            sealed |= set(lifecycle.active(states))
        elif step == "restore" and going:
            states = lifecycle.restored(states, draw(st.sampled_from(going)))
        elif step == "settle":
            moved = draw(st.sets(st.sampled_from(going))) if going else set()
            sealed -= moved
            states = lifecycle.settled(states, sealed)
        elif step == "abandon" and ready:
            version = draw(st.sampled_from(ready))
            states[version] = lifecycle.after(version, State.PENDING, Transition.ABANDON)
        yield states, sealed


@given(steps=_STEPS, data=st.data())
def test_at_most_one_key_seals_and_what_was_sealed_can_be_opened(steps, data):
    for states, sealed in _played(steps, data.draw):
        assert len(lifecycle.active(states)) <= 1
        assert sealed <= {version for version, state in states.items() if state in OPENS}


@given(steps=_STEPS, data=st.data())
def test_once_a_key_seals_there_is_always_one(steps, data):
    was_active = False
    for states, _ in _played(steps, data.draw):
        assert lifecycle.active(states) or not was_active
        was_active = bool(lifecycle.active(states))


@pytest.mark.parametrize("state", [State.ACTIVE, State.RETIRING, State.RETIRED])
def test_only_a_pending_key_takes_over(state):
    states = {Version("old"): State.ACTIVE, Version("new"): state}

    with pytest.raises(RefusedError, match="key new: found it"):
        lifecycle.rotated(states, Version("new"))


@pytest.mark.parametrize("state", [State.PENDING, State.RETIRED])
def test_only_a_retiring_key_is_taken_back(state):
    with pytest.raises(RefusedError, match="key old: found it"):
        lifecycle.restored({Version("old"): state, Version("new"): State.ACTIVE}, Version("old"))


def test_a_key_that_nobody_knows_is_refused():
    with pytest.raises(RefusedError, match="key lost: found it retired"):
        lifecycle.rotated({}, Version("lost"))
