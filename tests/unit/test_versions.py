"""A rotation in a KMS in this process: killed after each of its calls, gone on with, and never one key too many."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.core.effect import Context
from atoll.core.errors import RefusedError
from atoll.secrets import keys as rules
from atoll.secrets import kms
from atoll.secrets.key_effects import KmsKey
from atoll.secrets.keys import Live
from atoll.secrets.lifecycle import State, Version
from atoll.secrets.rotation import Rotation
from atoll.secrets.service import Service
from atoll.secrets.versions import Versions
from harness import keys

_OWNER = "atoll/t"
_GRANT = {"grantee": "arn:aws:iam::123456789012:role/r", "operations": ["Decrypt"]}
_INPUTS = {
    "description": "d",
    "enabled": True,
    "rotationDays": 90,
    "policy": {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": ["*"]}],
    },
    "grants": {"r": _GRANT},
    "tags": {"team": "blue"},
}


class _KilledError(Exception):
    """Stands for the end of the process."""


def _key(number, state=None, alias=()):
    tags = {rules.STATE: state, rules.GENERATION: str(number)} if state else {}
    metadata = {"KeyId": f"k{number}", "Arn": f"arn:aws:kms:r:1:key/k{number}", "KeyState": "Enabled"}
    return Live(metadata, aliases=alias, tags=tags)


@given(today=st.sampled_from([None, *State]), others=st.lists(st.sampled_from([None, *State]), max_size=4))
def test_whatever_tags_say_the_key_behind_the_alias_is_the_one_that_seals(today, others):
    found = Versions(_key(9, today, ("a",)), tuple(_key(number, each) for number, each in enumerate(others)))
    if today is State.RETIRED:
        with pytest.raises(RefusedError, match="found it retired"):
            _ = found.states
        return

    states = found.states

    assert [key for key, state in states.items() if state is State.ACTIVE] == ["k9"]
    assert states.keys() == {"k9", *(f"k{number}" for number, each in enumerate(others) if each)}
    for number, each in enumerate(others):
        if each is State.ACTIVE:
            assert states[Version(f"k{number}")] is State.RETIRING


@pytest.fixture(scope="module")
def access():
    with keys.played() as found:
        yield found


@pytest.fixture
def made(access, request):
    """A key of the inventory that is there, as the provider keeps it: its inputs, outputs and id."""
    inputs = {**_INPUTS, "alias": f"a-{abs(hash(request.node.name))}", "region": access.region}
    outcome = KmsKey().create("app", inputs, Context(owner=_OWNER))
    assert not outcome.problems
    return inputs, outcome, Context(owner=_OWNER)


def _rotation(access, alias):
    return Rotation(access, alias, _OWNER)


def _finish(rotation):
    found = rotation.look()
    if not found.retiring:
        found = rotation.begin(found)
    rotation.place(found)
    rotation.release(found)
    rotation.settle(found, ())


def test_the_next_key_is_like_the_one_before_and_that_one_is_kept(access, made):
    inputs, before, context = made
    rotation = _rotation(access, inputs["alias"])

    found = rotation.begin(rotation.look())

    assert found.today.retiring == [before.outputs["arn"]]
    assert rules.declared(found.today, inputs) == {
        **rules.declared(found.others[0], inputs),
        "alias": inputs["alias"],
    }
    seen = KmsKey().read(before.id, inputs, before.outputs, context)
    assert seen is not None
    assert (seen.id, seen.outputs["retiring"]) == (found.today.id, [before.outputs["arn"]])
    assert not [
        each
        for each in seen.inputs
        if not KmsKey().same(each, inputs.get(each), seen.inputs[each]) and each in inputs
    ]


def test_killed_after_any_call_it_is_finished_by_the_next_with_one_key_more(access, made, monkeypatch):
    inputs, before, context = made
    rotation, write, kills = _rotation(access, inputs["alias"]), Service.write, 0
    while True:
        left = [kills]

        def counted(service, key, change, left=left):
            left[0] -= 1
            if left[0] < 0:
                raise _KilledError
            write(service, key, change)

        old, generation = rotation.look().today, rotation.look().today.generation
        monkeypatch.setattr(Service, "write", counted)
        try:
            _finish(rotation)
            break
        except _KilledError:
            monkeypatch.setattr(Service, "write", write)
        found = rotation.look()
        # Whatever was sealed before opens, by the key of today or by one that it names.
        assert (
            old.arn in {found.today.arn, *found.today.retiring}
            or found.states[Version(old.id)] is State.RETIRING
        )
        seen = KmsKey().read(before.id, inputs, before.outputs, context)
        assert seen is not None
        assert seen.id == found.today.id
        _finish(rotation)
        found = rotation.look()
        assert found.today.generation == generation + 1
        assert not found.is_begun
        kills += 1
    monkeypatch.setattr(Service, "write", write)
    assert kills > 5
    assert [key.generation for key in rotation.look().others] == [*range(1, kills + 2)]
    assert {*rotation.look().states.values()} == {State.ACTIVE, State.RETIRED}


def test_the_end_of_a_key_names_those_before_and_another_is_made_after_it(access, made):
    inputs, before, context = made
    _finish(_rotation(access, inputs["alias"]))
    warned: list[str] = []
    KmsKey().delete(
        before.id, {**inputs, "deletionDays": 7}, before.outputs, replace(context, warn=warned.append)
    )

    client = kms.client(access)
    assert client.describe_key(KeyId=before.outputs["keyId"])["KeyMetadata"]["Enabled"]
    assert before.outputs["arn"] in warned[0]
    again = KmsKey().create("app", inputs, context)
    assert again.outputs["keyId"] != before.outputs["keyId"]


def test_a_key_of_somebody_else_or_none_or_one_that_is_disabled_is_refused(access, made):
    inputs, before, _ = made
    client = kms.client(access)

    with pytest.raises(RefusedError, match="expected none, or one of other/t"):
        Rotation(access, inputs["alias"], "other/t").look()
    with pytest.raises(kms.NoKeyError, match="found no key"):
        _rotation(access, "nowhere").look()
    client.disable_key(KeyId=before.id)
    with pytest.raises(RefusedError, match="Disabled; expected it enabled"):
        _rotation(access, inputs["alias"]).look()


def test_the_own_key_may_be_anybodys_and_is_none_of_the_inventory_then(access):
    client = kms.client(access)
    old = client.create_key(Tags=[{"TagKey": "atoll.dev/environment", "TagValue": "t"}])["KeyMetadata"]
    client.create_alias(AliasName="alias/own-t", TargetKeyId=old["KeyId"])
    rotation = Rotation(access, "own-t", f"{_OWNER}/own", adopted=True)

    _finish(rotation)

    found = rotation.look()
    assert found.today.tags["atoll.dev/environment"] == "t"
    assert [key.id for key in found.retired] == [old["KeyId"]]
    with pytest.raises(RefusedError, match="expected none, or one of atoll/t"):
        _rotation(access, "own-t").look()
