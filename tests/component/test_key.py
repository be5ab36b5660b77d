"""The component `Key`: what its resource is given, and with which options."""

import pytest

from atoll.secrets import Grant, Key, KeyArgs, KeySpec
from atoll.testing import plain, recording

_ROLE = "arn:aws:iam::111122223333:role/r"


def _made(args):
    return recording.record(lambda: Key("app", args), "dev").of_type("atoll:index:KmsKey")[0]


def test_a_key_is_one_resource_below_its_component():
    found = recording.record(lambda: Key("app", KeyArgs(alias="a")), "dev")

    assert [each.urn for each in found.resources.values()] == [
        "urn:pulumi:dev::atoll::atoll:index:Key::app",
        "urn:pulumi:dev::atoll::atoll:index:Key$atoll:index:KmsKey::app-kms",
    ]
    (outputs,) = found.exported.values()
    assert set(outputs) == {"arn", "keyId"}


def test_a_key_that_says_little_gets_the_defaults():
    assert plain(_made(KeyArgs(alias="a")).inputs) == {
        "alias": "a",
        "description": "",
        "enabled": True,
        "grants": {},
        "tags": {},
        "deletionDays": 30,
        "spec": "SYMMETRIC_DEFAULT",
        "multiRegion": False,
    }


def test_all_that_is_said_reaches_the_resource_and_no_login_does():
    grant = Grant(
        grantee=_ROLE, operations=["Encrypt", "Decrypt"], retiring=_ROLE, encryption_context_equals={"a": "b"}
    )
    args = KeyArgs(
        alias="a",
        description="d",
        enabled=False,
        rotation_days=90,
        policy={"Statement": []},
        grants={"r": grant},
        tags={"t": "u"},
        deletion_days=7,
        spec=KeySpec.HMAC_256,
        multi_region=True,
        region="eu-west-1",
        endpoint="https://kms.example.com",
    )

    assert plain(_made(args).inputs) == {
        "alias": "a",
        "description": "d",
        "enabled": False,
        "rotationDays": 90,
        "policy": {"Statement": []},
        "grants": {
            "r": {
                "grantee": _ROLE,
                "operations": ["Decrypt", "Encrypt"],
                "retiring": _ROLE,
                "encryptionContextEquals": {"a": "b"},
            }
        },
        "tags": {"t": "u"},
        "deletionDays": 7,
        "spec": "HMAC_256",
        "multiRegion": True,
        "region": "eu-west-1",
        "endpoint": "https://kms.example.com",
    }


@pytest.mark.parametrize("asked", [True, False])
def test_a_key_is_protected_and_retained_where_that_is_asked(asked):
    request = _made(KeyArgs(alias="a", protect=asked, retain=asked)).request

    assert (request.protect, request.retainOnDelete) == (asked, asked)


def test_a_key_that_exists_is_imported_by_whatever_names_it():
    assert _made(KeyArgs(alias="a", import_id="alias/b")).request.importId == "alias/b"
