"""Keys by the real engine against a real KMS endpoint: made, left alone, changed, drifted, imported, replaced, deleted."""

import json
import re

import pytest

_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "kms:*", "Resource": "*"},
        {
            "Effect": "Allow",
            "Principal": {"AWS": ["arn:aws:iam::123456789012:role/b", "arn:aws:iam::123456789012:role/a"]},
            "Action": ["kms:Encrypt", "kms:Decrypt"],
            "Resource": "*",
        },
    ],
}
_SAME_POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": ["arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:role/b"]},
            "Action": ["kms:decrypt", "kms:Encrypt"],
            "Resource": ["*"],
        },
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": "kms:*",
            "Resource": "*",
        },
    ],
}
_READER = {"grantee": "arn:aws:iam::123456789012:role/reader", "operations": ["Decrypt"]}
_WRITER = {
    "grantee": "arn:aws:iam::123456789012:role/writer",
    "operations": ["Encrypt", "GenerateDataKey"],
    "encryption_context_equals": {"project": "atoll"},
}
_FULL = {
    "description": "for everything",
    "rotation_days": 180,
    "policy": _POLICY,
    "grants": {"reader": _READER, "writer": _WRITER},
    "tags": {"team": "blue"},
    "deletion_days": 14,
}
_CHANGES = {
    "description": "for more",
    "enabled": False,
    "rotation_days": 365,
    "policy": _SAME_POLICY | {"Statement": _SAME_POLICY["Statement"][1:]},
    "grants": {"reader": {**_READER, "operations": ["Decrypt", "DescribeKey"]}},
    "tags": {"team": "red", "stage": "t"},
    "deletion_days": 7,
}
_WRITTEN = {
    "description": ["UpdateKeyDescription"],
    "enabled": ["DisableKey"],
    "rotation_days": ["EnableKeyRotation"],
    "policy": ["PutKeyPolicy"],
    "grants": ["CreateGrant", "RevokeGrant", "RevokeGrant"],
    "tags": ["TagResource"],
    "deletion_days": [],
}


def _seen(client, live):
    """All that can be seen of the key behind the alias."""
    key = live()
    return {
        "description": key["Description"],
        "enabled": key["Enabled"],
        "policy": json.loads(client.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"]),
        "grants": {
            each["Name"]: sorted(each["Operations"])
            for each in client.list_grants(KeyId=key["KeyId"])["Grants"]
        },
        "rotates": client.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"],
        "tags": {
            each["TagKey"]: each["TagValue"] for each in client.list_resource_tags(KeyId=key["KeyId"])["Tags"]
        },
    }


def test_a_key_is_made_with_all_that_is_declared_and_a_second_run_changes_nothing(
    program, client, live, alias, proxy
):
    made = program.key(**_FULL).deploy()

    assert made.ops == {"app": "create", "app-kms": "create"}
    seen = _seen(client, live)
    assert seen["description"] == "for everything"
    assert seen["policy"] == _POLICY
    assert seen["grants"] == {"atoll/reader": ["Decrypt"], "atoll/writer": ["Encrypt", "GenerateDataKey"]}
    assert seen["rotates"]
    assert seen["tags"] == {"team": "blue", "atoll.dev/alias": alias, "atoll.dev/owner": f"{alias}/t"}
    written = proxy.writes
    assert written[:2] == ["CreateKey", "CreateAlias"]
    assert program.deploy("--refresh").ops == {}
    assert proxy.writes == written


def test_each_change_is_previewed_and_made_and_leaves_the_outputs_known(program, live, proxy):
    program.key(**_FULL).up().succeeded()
    key, declared = live(), dict(_FULL)
    # Last, since a disabled key takes little.
    for name in sorted(_CHANGES, key=lambda name: name == "enabled"):
        declared[name] = _CHANGES[name]
        proxy.asked.clear()

        told = program.key(**declared).preview().succeeded()

        assert told.ops == {"app-kms": "update"}, name
        assert told.steps["app-kms"].outputs["arn"] == key["Arn"], name
        assert proxy.writes == [], name
        assert program.up().succeeded().ops == {"app-kms": "update"}, name
        assert proxy.writes == _WRITTEN[name], name
    assert live()["KeyId"] == key["KeyId"]
    assert program.deploy("--refresh").ops == {}


def test_what_means_the_same_is_no_change(program):
    program.key(**_FULL).up().succeeded()
    writer = {**_WRITER, "operations": ["GenerateDataKey", "Encrypt"]}

    program.key(**{**_FULL, "policy": _SAME_POLICY, "grants": {"reader": _READER, "writer": writer}})

    assert program.preview().succeeded().ops == {}
    assert program.key(**{**_FULL, "policy": json.dumps(_SAME_POLICY)}).deploy("--refresh").ops == {}


def _rotate_off(client, key, _alias):
    client.disable_key_rotation(KeyId=key)


def _revoke(client, key, _alias):
    client.revoke_grant(KeyId=key, GrantId=client.list_grants(KeyId=key)["Grants"][0]["GrantId"])


def _take_alias(client, _key, alias):
    client.delete_alias(AliasName=f"alias/{alias}")


_DRIFTS = {
    "description": lambda client, key, _: client.update_key_description(KeyId=key, Description="theirs"),
    "enabled": lambda client, key, _: client.disable_key(KeyId=key),
    "rotationDays": _rotate_off,
    "policy": lambda client, key, _: client.put_key_policy(
        KeyId=key, PolicyName="default", Policy=json.dumps(_CHANGES["policy"])
    ),
    "grants": _revoke,
    "tags": lambda client, key, _: client.tag_resource(
        KeyId=key, Tags=[{"TagKey": "team", "TagValue": "grey"}]
    ),
    "alias": _take_alias,
    "marked": lambda client, key, _: client.untag_resource(KeyId=key, TagKeys=["atoll.dev/owner"]),
    "deletion": lambda client, key, _: client.schedule_key_deletion(KeyId=key, PendingWindowInDays=9),
}


_SHOWN = {"deletion": {"deletion", "enabled"}}


def test_each_drift_is_seen_by_a_refresh_and_put_back(program, client, live, alias):
    program.key(**_FULL).up().succeeded()
    before, key = _seen(client, live), live()["KeyId"]
    for name, drift in _DRIFTS.items():
        drift(client, key, alias)

        told = program.up("--refresh").succeeded()

        assert told.ops == {"app-kms": "update"}, name
        assert {re.split(r"[.\[]", path)[0] for path in told.steps["app-kms"].changes} == _SHOWN.get(
            name, {name}
        )
        assert live()["KeyId"] == key, name
        assert _seen(client, live) == before, name
    assert program.deploy("--refresh").ops == {}


def test_a_refresh_alone_shows_drift_and_changes_nothing(program, client, live, proxy):
    program.key().up().succeeded()
    client.update_key_description(KeyId=live()["KeyId"], Description="theirs")
    proxy.asked.clear()

    told = program.refresh().succeeded()

    assert told.steps["app-kms"].inputs["description"] == "theirs"
    assert proxy.writes == []


def test_the_days_of_a_rotation_are_seen_where_the_kms_tells_them(program, proxy, live):
    program.key(**_FULL).up().succeeded()
    proxy.days[live()["KeyId"]] = 999

    told = program.deploy("--refresh")

    assert told.steps["app-kms"].changes == {"rotationDays": "update"}
    assert proxy.days[live()["KeyId"]] == 180


def test_a_key_that_is_gone_for_good_is_made_anew(program, client, live, alias, proxy):
    program.key().up().succeeded()
    key = live()["KeyId"]
    proxy.gone.add(key)
    client.delete_alias(AliasName=f"alias/{alias}")

    assert program.deploy("--refresh").ops == {"app-kms": "create"}
    assert live()["KeyId"] != key


def test_a_foreign_key_behind_the_alias_is_refused_and_left_alone(program, client, alias, proxy):
    key = client.create_key(Description="theirs")["KeyMetadata"]["KeyId"]
    client.create_alias(AliasName=f"alias/{alias}", TargetKeyId=key)

    line = program.key().up().refused()

    assert line.endswith(
        f"alias {alias}: found key {key} behind it, nobody's that is known; expected none, or one of {alias}/t. "
        "Choose another alias, or import that key."
    )
    assert proxy.writes == []


def test_what_the_state_forgot_is_taken_up_by_its_alias(program, live, made_for, alias):
    program.key(**_FULL).up().succeeded()
    key = live()["KeyId"]
    program.operate("state", "delete", "--yes", "--force", "--target-dependents", _urn(program, "app-kms"))

    program.up().succeeded()

    assert live()["KeyId"] == key
    assert made_for(alias) == {key: "Enabled"}


def _urn(program, name):
    return program.state()[name]["urn"]


def test_a_deleted_key_waits_without_its_alias_and_is_taken_up_when_it_is_declared_again(
    program, client, made_for, alias, live
):
    program.key(**_FULL).up().succeeded()
    key, before = live()["KeyId"], _seen(client, live)

    program.destroy().succeeded()

    waiting = client.describe_key(KeyId=key)["KeyMetadata"]
    assert waiting["KeyState"] == "PendingDeletion"
    assert 13 <= (waiting["DeletionDate"] - waiting["CreationDate"]).days <= 14
    with pytest.raises(client.exceptions.NotFoundException):
        live()
    again = program.up().succeeded()
    assert [f"{key} was to be deleted on" in text for text in again.warnings] == [True]
    assert made_for(alias) == {key: "Enabled"}
    assert _seen(client, live) == before


@pytest.mark.parametrize("form", ["id", "arn", "alias"])
def test_an_import_takes_a_key_over_that_is_declared_as_it_is(program, client, alias, form, proxy):
    made = client.create_key(Description="theirs", Tags=[{"TagKey": "team", "TagValue": "x"}])["KeyMetadata"]
    client.create_alias(AliasName=f"alias/{alias}", TargetKeyId=made["KeyId"])
    named = {"id": made["KeyId"], "arn": made["Arn"], "alias": f"alias/{alias}"}[form]
    program.key(description="theirs", tags={"team": "x"}, import_id=named)

    done = program.up().succeeded()

    # What only Atoll puts there is written right after.
    assert [op for name, op in done.order if name == "app-kms"] == ["import", "update"]
    assert proxy.writes == ["TagResource"]
    assert program.state()["app-kms"]["id"] == made["KeyId"]
    assert program.deploy("--refresh").ops == {}


def test_an_import_of_a_key_that_is_not_as_declared_is_followed_by_an_update(program, client, live):
    made = client.create_key(Description="theirs")["KeyMetadata"]["KeyId"]
    client.create_alias(AliasName="alias/theirs", TargetKeyId=made)

    program.key(description="mine", region="us-east-1", import_id="alias/theirs").up().succeeded()

    assert live()["KeyId"] == live("theirs")["KeyId"] == made
    assert live()["Description"] == "mine"
    assert program.deploy("--refresh").ops == {}


def test_an_import_of_a_key_that_waits_for_its_deletion_is_refused(program, client, proxy):
    made = client.create_key()["KeyMetadata"]["KeyId"]
    client.schedule_key_deletion(KeyId=made, PendingWindowInDays=7)

    run = program.key(import_id=made).up()

    assert run.code != 0
    assert "found it waiting for its deletion on" in run.text
    assert proxy.writes == []


@pytest.mark.parametrize("change", [{"spec": "RSA_2048"}, {"multi_region": True}])
def test_what_cannot_be_changed_replaces_the_key(program, client, live, change):
    program.key().up().succeeded()
    old = live()["KeyId"]

    assert program.key(**change).deploy().ops == {"app-kms": "replace"}

    assert live()["KeyId"] != old
    assert client.describe_key(KeyId=old)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert program.deploy("--refresh").ops == {}


def test_a_retained_key_stays_when_it_is_replaced_and_when_it_is_removed(program, client, live):
    program.key(retain=True).up().succeeded()
    old = live()["KeyId"]

    program.key(retain=True, multi_region=True).up().succeeded()
    new = live()["KeyId"]
    program.destroy().succeeded()

    assert new != old
    assert live()["KeyId"] == new
    assert {client.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] for key in (old, new)} == {"Enabled"}


def test_a_protected_key_is_neither_replaced_nor_removed(program, live, proxy):
    program.key(protect=True).up().succeeded()
    key, written = live()["KeyId"], list(proxy.writes)

    assert "protect" in program.key(protect=True, multi_region=True).up().text
    assert program.destroy().code != 0

    assert live()["KeyId"] == key
    assert proxy.writes == written


def test_neither_state_nor_what_is_said_holds_a_login(program):
    run = program.key(**_FULL).up().succeeded()

    assert "not-a-secret-of-anybody" not in run.text + program.state_text()
