"""The keys of an inventory, with what their environment gives to them."""

from datetime import timedelta

import pytest

from atoll.core.errors import SettingsError
from atoll.platform import Platform, load
from atoll.platform.inventory import Grant, Key
from atoll.testing import plain, recording

_PLANE = "controlPlane: {driver: local}\n"


@pytest.fixture
def loaded(tmp_path):
    def load_text(text, environment="dev"):
        folder = tmp_path / "stacks"
        folder.mkdir(exist_ok=True)
        (folder / f"{environment}.yaml").write_text(_PLANE + text)
        return load(folder, environment)

    return load_text


def test_a_key_that_says_nothing_is_named_after_its_environment(loaded):
    assert loaded("keys: {app: {}}").keys == {"app": Key(alias="atoll-dev-app")}


def test_a_key_has_all_that_is_said_of_it(loaded):
    text = """
keys:
  app:
    alias: team/app
    description: for the app
    enabled: false
    rotation: 365d
    policy: {Version: "2012-10-17", Statement: [{Effect: Allow, Principal: "*", Action: "kms:*", Resource: "*"}]}
    grants:
      reader:
        grantee: arn:aws:iam::1:role/r
        operations: [Decrypt]
        retiring: arn:aws:iam::1:role/s
        encryptionContextEquals: {project: atoll}
    tags: {team: blue}
    deletionWindow: 7d
    multiRegion: true
    import: alias/old
"""
    statement = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}

    assert loaded(text).keys["app"] == Key(
        alias="team/app",
        description="for the app",
        enabled=False,
        rotation=timedelta(days=365),
        policy={"Version": "2012-10-17", "Statement": [statement]},
        grants={
            "reader": Grant(
                "arn:aws:iam::1:role/r",
                ("Decrypt",),
                "arn:aws:iam::1:role/s",
                encryption_context_equals={"project": "atoll"},
            )
        },
        tags={"team": "blue"},
        deletion_window=timedelta(days=7),
        multi_region=True,
        existing="alias/old",
    )


@pytest.mark.parametrize("word", ["off", "'off'", "false"])
def test_a_rotation_can_be_off(loaded, word):
    assert loaded(f"keys: {{app: {{rotation: {word}}}}}").keys["app"].rotation is None


@pytest.mark.parametrize(
    ("environment", "kept"),
    [
        ("dev", False),
        ("dev-2", False),
        ("test", False),
        ("test-17", False),
        ("prod", True),
        ("staging", True),
        ("testing", True),
    ],
)
def test_a_key_is_hard_to_lose_everywhere_but_in_environments_that_are_thrown_away(loaded, environment, kept):
    found = loaded("keys: {app: {}, other: {protect: false, retain: true}}", environment).keys

    assert (found["app"].protect, found["app"].retain) == (kept, kept)
    assert (found["other"].protect, found["other"].retain) == (False, True)


def test_an_alias_that_would_be_too_long_is_told(loaded):
    with pytest.raises(SettingsError, match=r"keys\.app\.alias: found 251 characters; expected at most 250"):
        loaded(f"keys: {{app: {{alias: {'a' * 251}}}}}")


def test_every_key_becomes_a_component_and_an_output(loaded):
    text = "keys: {app: {rotation: 90d, grants: {r: {grantee: a, operations: [Decrypt], retiring: b}}}, old: {import: x}}"
    found = loaded(text, "prod")

    made = recording.record(lambda: Platform(found), "prod")

    app, old = made.of_type("atoll:index:KmsKey")
    assert app.component == ("Key", "app")
    assert plain(app.inputs) == {
        "alias": "atoll-prod-app",
        "description": "",
        "enabled": True,
        "rotationDays": 90,
        "grants": {"r": {"grantee": "a", "operations": ["Decrypt"], "retiring": "b"}},
        "tags": {},
        "deletionDays": 30,
        "spec": "SYMMETRIC_DEFAULT",
        "multiRegion": False,
    }
    assert (app.request.protect, app.request.retainOnDelete, app.request.importId) == (True, True, "")
    assert old.request.importId == "x"
