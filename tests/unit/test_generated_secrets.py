"""Values that are made once: what is asked for stays, what is new is made, and nothing that stands open tells of them."""

import base64
import string

import pytest

from atoll.core.effect import Context, Seen
from atoll.secrets.sealed_effects import SealedSecret

EFFECT, QUIET = SealedSecret(), Context()


def _inputs(**lengths):
    identity = {"project": "atoll", "environment": "dev", "name": "db"}
    return {**identity, "key": "alias/mine", "generated": lengths}


def _made(lengths, before=None):
    inputs = _inputs(**lengths)
    return (
        EFFECT.update("db", inputs, before, QUIET).outputs
        if before
        else EFFECT.create("db", inputs, QUIET).outputs
    )


def test_each_is_as_long_as_asked_and_no_two_are_the_same():
    outputs = _made({"password": 32, "salt": 16.0, "token": 16})

    plain = {key: base64.b64decode(value).decode() for key, value in outputs["data"].items()}
    assert {key: len(value) for key, value in plain.items()} == {"password": 32, "salt": 16, "token": 16}
    assert set("".join(plain.values())) <= {*string.ascii_letters, *string.digits}
    assert len(set(plain.values())) == 3
    assert _made({"token": 16})["data"]["token"] != outputs["data"]["token"]


def test_what_is_held_stays_and_what_is_new_or_of_another_length_is_made():
    first = _made({"password": 32, "salt": 16})

    second = _made({"password": 32, "salt": 20, "token": 16}, first)

    assert second["data"]["password"] == first["data"]["password"]
    assert second["data"]["salt"] != first["data"]["salt"]
    assert second["data"].keys() == {"password", "salt", "token"}
    assert second["revision"] != first["revision"]
    assert _made({"password": 32, "salt": 20, "token": 16}, second) == second


def test_what_is_asked_for_again_is_another_one_with_another_revision():
    first = _made({"password": 32, "token": 16})
    again = _made({"password": 32, "token": 16}, _made({"password": 32}, first))

    assert again["data"]["password"] == first["data"]["password"]
    assert again["data"]["token"] != first["data"]["token"]
    assert again["revision"] != first["revision"]


def test_what_a_killed_run_had_begun_or_was_sealed_before_is_made_by_the_next():
    sealed = {"data": {"password": "c2VhbGVk"}, "sources": {"password": "0" * 64}, "revision": "0" * 64}

    for before in ({**_made({"password": 32}), "data": {}}, sealed):
        after = _made({"password": 32}, before)
        assert len(base64.b64decode(after["data"]["password"])) == 32
        assert after["revision"] != before["revision"]


def test_nobody_is_asked_and_nothing_is_there_to_compare_with():
    inputs, outputs = _inputs(password=32), _made({"password": 32})

    assert EFFECT.read("db", inputs, outputs, QUIET) == Seen(inputs, outputs)
    assert EFFECT.stale(inputs, outputs) is None
    assert EFFECT.check(inputs) == []
    assert EFFECT.changes(frozenset({"generated"})) == EFFECT.outputs


@pytest.mark.parametrize("length", [15, 1025, 20.5, True, "32", None])
def test_a_length_that_cannot_be_is_refused(length):
    (failure,) = EFFECT.check(_inputs(password=length))

    assert failure.name == "generated.password"
    assert failure.reason == f"found {length!r}; expected a number of characters from 16 to 1024"


def test_names_that_no_secret_has_and_other_contents_beside_are_refused():
    assert [each.reason[:13] for each in EFFECT.check(_inputs(**{"pass word": 32}))] == ["found 'pass w"]
    (failure,) = EFFECT.check({**_inputs(password=32), "sops": {"text": "{}", "form": "json"}})[:1]
    assert failure.reason.startswith("found both sops and generated; expected")
    (failure,) = EFFECT.check(_inputs())
    assert failure.reason.startswith("found an empty map; expected")
