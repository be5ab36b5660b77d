"""What a key should be beside what it is: policies and grants by their meaning, writes in their order."""

import json
import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atoll.core import iam
from atoll.secrets import grants, key_rules, keys, policies
from atoll.secrets.component import KeySpec
from atoll.secrets.keys import Live, Wanted

_ARN = "arn:aws:kms:us-east-1:111122223333:key/1"
_METADATA = {
    "KeyId": "1",
    "Arn": _ARN,
    "KeyState": "Enabled",
    "KeySpec": "SYMMETRIC_DEFAULT",
    "Description": "",
}
_WANTED = Wanted(alias="a", owner="p/s")
_GRANT = {"grantee": "arn:aws:iam::111122223333:role/r", "operations": ["Decrypt"]}
_RAW = {"GrantId": "g", "Name": "atoll/r", "GranteePrincipal": _GRANT["grantee"], "Operations": ["Decrypt"]}


def _live(**more):
    found = {"aliases": ("a",), "policy": json.dumps(policies.default(_ARN)), "tags": _WANTED.marks, **more}
    return Live(**{**found, "metadata": {**_METADATA, **more.get("metadata", {})}})


_NAMES = st.sampled_from(["111122223333", "arn:aws:iam::111122223333:role/a", "arn:aws:iam::1:user/b", "*"])
_STATEMENTS = st.lists(
    st.fixed_dictionaries(
        {
            "Effect": st.sampled_from(["Allow", "Deny"]),
            "Principal": st.fixed_dictionaries({"AWS": st.lists(_NAMES, min_size=1, unique=True)}),
            "Action": st.lists(
                st.sampled_from(["kms:*", "kms:Decrypt", "kms:Encrypt"]), min_size=1, unique=True
            ),
            "Resource": st.just(["*"]),
        },
        optional={
            "Condition": st.just({"StringEquals": {"kms:ViaService": ["s3", "ec2"]}}),
            "Sid": st.text(max_size=3),
        },
    ),
    min_size=1,
    max_size=4,
)


def _copy(value):
    return json.loads(json.dumps(value))


def _written_otherwise(statements, chance):
    """The same policy in other words."""
    found = _copy(statements)
    chance.shuffle(found)
    for statement in found:
        chance.shuffle(statement["Action"])
        statement["Action"] = [action.swapcase() for action in statement["Action"]]
        names = statement["Principal"]["AWS"]
        chance.shuffle(names)
        statement["Principal"]["AWS"] = [
            f"arn:aws:iam::{name}:root" if name.isdigit() else name for name in names
        ]
        for part in (statement, statement["Principal"]):
            for key, value in part.items():
                if isinstance(value, list) and len(value) == 1:
                    part[key] = value[0]
        for tests in statement.get("Condition", {}).values():
            tests["KMS:viaservice"] = list(reversed(tests.pop("kms:ViaService")))
    return found


@given(statements=_STATEMENTS, seed=st.integers())
def test_a_policy_in_other_words_means_the_same(statements, seed):
    policy = {"Version": "2012-10-17", "Statement": statements}
    other = {"Statement": _written_otherwise(statements, random.Random(seed)), "Version": "2012-10-17"}

    assert iam.same(policy, other)
    assert iam.same(json.dumps(policy, indent=3), other)


@given(statements=_STATEMENTS, data=st.data())
def test_a_policy_that_allows_something_else_means_something_else(statements, data):
    policy = {"Version": "2012-10-17", "Statement": statements}
    other = _copy(policy)
    statement = data.draw(st.sampled_from(other["Statement"]))
    change = data.draw(st.sampled_from(["Effect", "Action", "Principal", "Resource", "Condition", "more"]))
    if change == "Effect":
        statement["Effect"] = {"Allow": "Deny", "Deny": "Allow"}[statement["Effect"]]
    elif change == "Principal":
        statement["Principal"]["AWS"].append("arn:aws:iam::9:role/new")
    elif change == "Condition":
        statement["Condition"] = {"Bool": {"aws:SecureTransport": "true"}}
    elif change == "more":
        other["Statement"].append(
            {"Effect": "Allow", "Principal": "*", "Action": "kms:Sign", "Resource": "*"}
        )
    else:
        statement[change].append("kms:Sign")

    assert not iam.same(policy, other)


def test_everybody_is_everybody_however_it_is_said():
    statement = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}

    assert iam.same(
        {"Statement": {**statement, "Principal": "*"}},
        {"Statement": [{**statement, "Principal": {"AWS": ["*"]}}]},
    )


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        ("{", "text that is no JSON"),
        ({}, "no statements"),
        (["a"], "no statements"),
        ({"Statement": [{"Action": "kms:*"}]}, "a statement without an effect"),
        ({"Statement": [{"Effect": "Allow", "Sid": "x" * 40_000}]}, "bytes"),
    ],
)
def test_what_is_no_policy_is_told(policy, found):
    assert found in (policies.problem(policy) or "")


def test_a_key_that_fits_needs_no_write():
    assert list(keys.writes(_live(), _WANTED)) == []


def test_a_key_that_waits_for_its_deletion_is_first_taken_back_and_last_disabled():
    live = _live(
        metadata={"KeyState": "PendingDeletion", "DeletionDate": datetime(2026, 12, 1, tzinfo=UTC)},
        aliases=(),
        tags={},
    )
    wanted = Wanted(alias="a", owner="p/s", description="d", enabled=False, rotation=90, grants={"r": _GRANT})

    assert [write.call for write in keys.writes(live, wanted)] == [
        "cancel_key_deletion",
        "enable_key",
        "create_alias",
        "tag_resource",
        "update_key_description",
        "enable_key_rotation",
        "create_grant",
        "disable_key",
    ]


def test_another_alias_is_there_before_the_former_goes_and_the_mark_that_names_it_goes_last():
    written = list(keys.writes(_live(), Wanted(alias="b", owner="p/s")))

    assert [(write.call, write.arguments.get("AliasName")) for write in written] == [
        ("create_alias", "alias/b"),
        ("delete_alias", "alias/a"),
        ("tag_resource", None),
    ]


def test_an_alias_that_somebody_else_gave_to_the_key_stays():
    live = _live(aliases=("a", "theirs"))

    assert list(keys.writes(live, _WANTED)) == []
    assert [write.arguments for write in keys.farewell(live, "a", 7)] == [
        {"AliasName": "alias/a"},
        {"KeyId": "1", "PendingWindowInDays": 7},
    ]


def test_tags_and_grants_of_others_are_neither_seen_nor_touched():
    theirs = {**_RAW, "GrantId": "t", "Name": "", "GranteePrincipal": "ec2.amazonaws.com"}
    live = _live(tags={**_WANTED.marks, "aws:cloudformation:stack-id": "x"}, grants=(theirs,))

    assert list(keys.writes(live, _WANTED)) == []
    assert keys.declared(live, {"alias": "a"})["tags"] == {}
    assert keys.declared(live, {"alias": "a"})["grants"] == {}


def test_a_grant_that_changed_is_given_anew_before_the_old_one_goes():
    wanted = {"r": {**_GRANT, "operations": ["Encrypt", "Decrypt"]}}

    assert [(write.call, write.arguments) for write in grants.writes("1", [_RAW], wanted)] == [
        (
            "create_grant",
            {
                "KeyId": "1",
                "Name": "atoll/r",
                "GranteePrincipal": _GRANT["grantee"],
                "Operations": ["Decrypt", "Encrypt"],
            },
        ),
        ("revoke_grant", {"KeyId": "1", "GrantId": "g"}),
    ]


def test_a_grant_that_was_given_twice_is_taken_back_once():
    twice = [_RAW, {**_RAW, "GrantId": "h"}]

    assert [write.arguments for write in grants.writes("1", twice, {"r": _GRANT})] == [
        {"KeyId": "1", "GrantId": "h"}
    ]


def test_what_is_live_and_means_what_is_declared_is_said_in_the_same_words():
    policy = {"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}}
    live = _live(
        policy=json.dumps(
            {
                "Statement": [
                    {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["kms:*"], "Resource": "*"}
                ]
            }
        ),
        grants=({**_RAW, "Operations": ["Encrypt", "Decrypt"]},),
        rotation=0,
    )
    declared = {
        "alias": "a",
        "policy": policy,
        "grants": {"r": {**_GRANT, "operations": ["Encrypt", "Decrypt"]}},
        "rotationDays": 90,
        "deletionDays": 7,
    }

    seen = keys.declared(live, declared)

    assert {name: seen[name] for name in declared} == declared


def test_the_policy_of_a_key_without_one_is_drift_once_it_is_not_the_default():
    theirs = json.dumps(
        {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"}]}
    )

    assert "policy" not in keys.declared(_live(), {"alias": "a"})
    assert keys.declared(_live(policy=theirs), {"alias": "a"})["policy"] == theirs
    (write,) = keys.writes(_live(policy=theirs), _WANTED)
    assert iam.same(write.arguments["Policy"], policies.default(_ARN))


def test_of_several_that_were_begun_a_usable_one_is_taken_first_and_then_the_newest():
    waiting = _live(
        metadata={
            "KeyId": "w",
            "KeyState": "PendingDeletion",
            "CreationDate": datetime(2026, 3, 1, tzinfo=UTC),
        }
    )
    old = _live(metadata={"KeyId": "o", "CreationDate": datetime(2026, 1, 1, tzinfo=UTC)})
    new = _live(metadata={"KeyId": "n", "CreationDate": datetime(2026, 2, 1, tzinfo=UTC)})

    assert keys.best([waiting, new, old]) is new
    assert keys.best([waiting]) is waiting
    assert keys.best([]) is None


@pytest.mark.parametrize(
    ("inputs", "name"),
    [
        ({"alias": "aws/mine"}, "alias"),
        ({"alias": "alias:x"}, "alias"),
        ({"alias": "a" * 251}, "alias"),
        ({"rotationDays": 89}, "rotationDays"),
        ({"rotationDays": 2561}, "rotationDays"),
        ({"rotationDays": True}, "rotationDays"),
        ({"rotationDays": 90, "spec": "RSA_2048"}, "rotationDays"),
        ({"deletionDays": 6}, "deletionDays"),
        ({"deletionDays": 31}, "deletionDays"),
        ({"enabled": "yes"}, "enabled"),
        ({"description": "x" * 8193}, "description"),
        ({"policy": "no"}, "policy"),
        ({"spec": "AES"}, "spec"),
        ({"tags": {"aws:x": "y"}}, "tags"),
        ({"tags": {"atoll.dev/owner": "me"}}, "tags"),
        ({"tags": {"a": 1}}, "tags"),
        ({"tags": {f"t{number}": "" for number in range(49)}}, "tags"),
        ({"grants": {"r": {"operations": ["Decrypt"]}}}, "grants"),
        ({"grants": {"r": {**_GRANT, "operations": []}}}, "grants"),
        ({"grants": {"r": {**_GRANT, "operations": ["decrypt"]}}}, "grants"),
        ({"grants": {"a b": _GRANT}}, "grants"),
    ],
)
def test_an_input_that_does_not_fit_is_told_by_its_name(inputs, name):
    (failure,) = key_rules.problems(inputs)

    assert failure.name == name
    assert "expected" in failure.reason


@pytest.mark.parametrize("days", [90, 2560])
def test_what_fits_is_no_problem(days):
    inputs = {
        "alias": "atoll-dev/app_1",
        "rotationDays": days,
        "deletionDays": 7,
        "policy": policies.default(_ARN),
        "grants": {"r": _GRANT},
        "tags": {"team": "blue"},
    }

    assert list(key_rules.problems(inputs)) == []


def test_the_kinds_of_a_key_are_those_that_have_a_use():
    assert [str(spec) for spec in KeySpec] == list(keys.USAGES)
