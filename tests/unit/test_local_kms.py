"""The KMS of a local environment: its API as clients meet it, its file, its states, its door."""

import base64
import json
import os
import socket
import stat
import sys
import urllib.request
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from atoll.core import files
from atoll.core.errors import IntegrityError
from atoll.secrets import kms
from atoll.secrets.local import keeping, states
from atoll.secrets.local.backend import Backend
from atoll.secrets.local.keeping import StoredKey
from harness.local_kms import served

CONTEXT = {"environment": "dev"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "keys.json"


@pytest.fixture
def access(path):
    with served(path) as found:
        yield found


@pytest.fixture
def client(access):
    found = kms.client(access)
    yield found
    found.close()


def code(call, **arguments):
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    return raised.value.response["Error"]["Code"]


def made(client, alias="alias/a"):
    key = client.create_key(Tags=[{"TagKey": "owner", "TagValue": "us"}])["KeyMetadata"]
    client.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    return key


def everything(client):
    """What the API tells of every key."""
    found = {}
    for each in client.list_keys()["Keys"]:
        key = each["KeyId"]
        rotation = client.get_key_rotation_status(KeyId=key)
        answers = [
            client.describe_key(KeyId=key)["KeyMetadata"],
            client.list_aliases(KeyId=key)["Aliases"],
            client.list_resource_tags(KeyId=key)["Tags"],
            client.list_grants(KeyId=key)["Grants"],
            client.get_key_policy(KeyId=key, PolicyName="default")["Policy"],
            {name: value for name, value in rotation.items() if name != "ResponseMetadata"},
            client.list_key_rotations(KeyId=key)["Rotations"],
        ]
        found[key] = answers
    return found


def test_all_that_is_told_of_keys_outlives_the_process_and_all_secrets_open(path):
    with served(path) as access:
        client = kms.client(access)
        first, second, third = (made(client, f"alias/{name}") for name in "abc")
        arn = first["Arn"]
        client.update_key_description(KeyId=arn, Description="Schlüssel")
        client.enable_key_rotation(KeyId=arn, RotationPeriodInDays=180)
        client.rotate_key_on_demand(KeyId=arn)
        client.put_key_policy(KeyId=arn, Policy='{"Version": "2012-10-17"}', PolicyName="default")
        granted = client.create_grant(
            KeyId=arn, GranteePrincipal="arn:aws:iam::123456789012:role/r", Operations=["Decrypt"]
        )
        client.untag_resource(KeyId=arn, TagKeys=["owner"])
        client.update_alias(AliasName="alias/b", TargetKeyId=arn)
        client.disable_key(KeyId=second["Arn"])
        client.schedule_key_deletion(KeyId=third["KeyId"], PendingWindowInDays=7)
        sealed = client.encrypt(KeyId="alias/b", Plaintext=b"secret", EncryptionContext=CONTEXT)
        told = everything(client)
        client.close()

    with served(path) as access:
        client = kms.client(access)
        assert everything(client) == told
        opened = client.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=CONTEXT)
        assert (opened["Plaintext"], opened["KeyId"]) == (b"secret", arn)
        assert client.list_grants(KeyId=arn)["Grants"][0]["GrantId"] == granted["GrantId"]
        client.retire_grant(GrantToken=granted["GrantToken"])
        assert client.list_grants(KeyId=arn)["Grants"] == []
        client.close()

    assert [told[key["KeyId"]][0]["KeyState"] for key in (first, second, third)] == [
        "Enabled",
        "Disabled",
        "PendingDeletion",
    ]
    assert told[first["KeyId"]][5]["RotationPeriodInDays"] == 180


def test_a_change_is_on_disk_before_it_is_answered(path, client):
    key = made(client)

    assert [(each.id, each.aliases) for each in keeping.read(path)] == [(key["KeyId"], ["alias/a"])]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_change_that_cannot_be_written_was_not_made(access, client, monkeypatch):
    key = made(client)
    before = everything(client)

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(files, "write", full)
        once = kms.client(replace(access))
        assert code(once.disable_key, KeyId=key["KeyId"]) == "KMSInternalException"
        once.close()

    assert everything(client) == before
    client.disable_key(KeyId=key["KeyId"])


def test_only_the_right_key_and_context_open(client):
    key = made(client)
    blob = client.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"a": "bc"})["CiphertextBlob"]
    other = made(client, "alias/b")

    assert code(client.decrypt, CiphertextBlob=blob) == "InvalidCiphertextException"
    # Names and values are kept apart, which moto does not do.
    wrong = {"ab": "c"}
    assert code(client.decrypt, CiphertextBlob=blob, EncryptionContext=wrong) == "InvalidCiphertextException"
    wanted = {"KeyId": other["KeyId"], "EncryptionContext": {"a": "bc"}}
    assert code(client.decrypt, CiphertextBlob=blob, **wanted) == "IncorrectKeyException"
    assert code(client.decrypt, CiphertextBlob=b"short") == "AccessDeniedException"
    moved = client.re_encrypt(
        CiphertextBlob=blob,
        SourceEncryptionContext={"a": "bc"},
        DestinationKeyId="alias/b",
        DestinationEncryptionContext={"b": "c"},
    )["CiphertextBlob"]
    assert client.decrypt(CiphertextBlob=moved, EncryptionContext={"b": "c"})["KeyId"] == other["Arn"]


@pytest.mark.parametrize(
    ("state", "expected"),
    [("Disabled", "DisabledException"), ("PendingDeletion", "KMSInvalidStateException")],
)
def test_a_key_that_is_not_enabled_is_of_no_use_until_it_is_again(client, state, expected):
    key = made(client)
    name = key["KeyId"]
    blob = client.encrypt(KeyId=name, Plaintext=b"x")["CiphertextBlob"]
    if state == "Disabled":
        client.disable_key(KeyId=name)
    else:
        client.schedule_key_deletion(KeyId=name, PendingWindowInDays=30)

    assert code(client.encrypt, KeyId="alias/a", Plaintext=b"x") == expected
    assert code(client.decrypt, CiphertextBlob=blob) == expected
    assert code(client.generate_data_key, KeyId=key["Arn"], KeySpec="AES_256") == expected
    assert code(client.enable_key_rotation, KeyId=name) == expected
    assert client.describe_key(KeyId=name)["KeyMetadata"]["KeyState"] == state

    if state != "Disabled":
        assert code(client.enable_key, KeyId=name) == expected
        client.cancel_key_deletion(KeyId=name)
    client.enable_key(KeyId=name)
    assert client.decrypt(CiphertextBlob=blob)["Plaintext"] == b"x"


def test_what_it_cannot_keep_is_refused_and_what_is_not_there_is_told(client):
    key = made(client)["KeyId"]

    assert code(client.create_key, KeySpec="RSA_2048") == "UnsupportedOperationException"
    assert code(client.create_key, MultiRegion=True) == "UnsupportedOperationException"
    assert code(client.get_public_key, KeyId=key) == "UnknownOperationException"
    assert code(client.create_alias, AliasName="alias/a", TargetKeyId=key) == "AlreadyExistsException"
    assert code(client.encrypt, KeyId="alias/aws/s3", Plaintext=b"x") == "NotFoundException"
    assert code(client.describe_key, KeyId="alias/none") == "NotFoundException"
    assert code(client.delete_alias, AliasName="alias/none") == "NotFoundException"
    assert code(client.schedule_key_deletion, KeyId=key, PendingWindowInDays=31) == "ValidationException"
    assert code(client.enable_key_rotation, KeyId=key, RotationPeriodInDays=2561) == "ValidationException"
    assert [each["AliasName"] for each in client.list_aliases()["Aliases"]] == ["alias/a"]


def test_every_operation_of_the_table_is_one_of_the_api(client):
    names = set(client.meta.service_model.operation_names)

    assert names >= states.OPERATIONS
    assert not states.READS & states.CHANGES


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"access_key": "ATOLL000000000000001"}, "UnrecognizedClientException"),
        ({"secret_key": "another-secret"}, "InvalidSignatureException"),
        ({"region": "eu-central-1"}, "InvalidSignatureException"),
    ],
)
def test_who_has_not_the_login_is_shut_out(access, changes, expected):
    stranger = kms.client(replace(access, **changes))
    try:
        assert code(stranger.list_keys) == expected
    finally:
        stranger.close()


def asked(access, headers, body=b"{}", path="/"):
    request = urllib.request.Request(f"{access.endpoint}{path}", body, headers)  # noqa: S310 - an address of ours
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - an address of ours
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_only_the_kms_is_served_and_nothing_of_moto_beside_it(access):
    target = {"X-Amz-Target": "TrentService.ListKeys"}

    assert asked(access, target)[1].count(b"MissingAuthenticationTokenException") == 1
    for path in ("/moto-api/", "/moto-api/data.json", "/moto-api/reset", "/?Action=ListUsers"):
        assert asked(access, target, path=path)[0] == 404
    assert asked(access, {"X-Amz-Target": "DynamoDB_20120810.ListTables"})[0] == 404
    assert asked(access, {})[0] == 404


def test_a_request_that_was_changed_on_its_way_is_refused(access, client):
    key = made(client)
    kept = []
    client.meta.events.register("before-send.kms.*", lambda request, **_: kept.append(request))
    client.disable_key(KeyId=key["KeyId"])
    (sent,) = kept
    headers = {
        name: value.decode() if isinstance(value, bytes) else value for name, value in sent.headers.items()
    }

    del headers["Content-Length"]
    assert asked(access, headers, sent.body)[0] == 200
    for changed, body in (
        ({"X-Amz-Target": "TrentService.EnableKey"}, sent.body),
        ({}, sent.body + b" "),
        ({"X-Amz-Date": "20200101T000000Z"}, sent.body),
        ({"X-Amz-Content-SHA256": "0" * 64}, sent.body),
    ):
        status, answer = asked(access, headers | changed, body)
        assert status == 400
        assert b"InvalidSignatureException" in answer
    assert client.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "Disabled"


words = st.text(max_size=12)
stored_keys = st.lists(
    st.builds(
        StoredKey,
        id=st.uuids().map(str),
        material=st.binary(min_size=32, max_size=32).map(lambda data: base64.b64encode(data).decode()),
        created=st.floats(0, 4e9),
        state=st.sampled_from(["Enabled", "Disabled", "PendingDeletion"]),
        policy=words,
        description=words,
        deletion=st.none() | st.floats(1, 4e9),
        rotates=st.booleans(),
        period=st.integers(90, 2560),
        rotations=st.lists(st.fixed_dictionaries({"RotationDate": st.floats(0, 4e9)}), max_size=2),
        aliases=st.lists(words, max_size=2),
        tags=st.lists(st.fixed_dictionaries({"TagKey": words, "TagValue": words}), max_size=2),
    ),
    max_size=4,
    unique_by=lambda key: key.id,
)


@given(stored_keys)
def test_a_file_holds_exactly_the_keys_that_were_written(keys):
    assert keeping.parse(keeping.text(keys)) == keys


@given(stored_keys.filter(bool), st.data())
def test_no_damage_passes_for_keys(keys, data):
    text = keeping.text(keys)
    at = data.draw(st.integers(0, len(text) - 2))
    other = data.draw(
        st.sampled_from([text[:at], text[:at] + "7" + text[at + 1 :], text[:at] + text[at + 1 :]])
    )

    try:
        found = keeping.parse(other)
    except (ValueError, TypeError):
        return
    # Space between words says nothing.
    assert found == keys


def test_a_writer_killed_at_any_point_leaves_the_old_keys_or_the_new(path):
    before, after = ([StoredKey(name, "", 1.0, "Enabled", "{}")] for name in ("old", "new"))
    seen = []
    for line in range(1, 200):
        keeping.write(path, before)
        if not (child := os.fork()):
            _die_at(line)
            keeping.write(path, after)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        seen.append(keeping.read(path))
        keeping.clear(path)
        assert seen[-1] in (before, after), line
        assert [each.name for each in path.parent.iterdir()] == ["keys.json"]
        if not status:
            break

    assert seen[-1] == after
    assert 10 < seen.count(before) < len(seen)
    # It changes once, and is never taken back.
    assert seen == [before] * seen.count(before) + [after] * seen.count(after)


def _die_at(line):
    """Ends this process as a kill would, before so many lines of the modules that write have been run."""
    left = [line]

    def trace(frame, event, _argument):
        if frame.f_code.co_filename not in {keeping.__file__, files.__file__}:
            return None
        if event == "line":
            left[0] -= 1
            if not left[0]:
                os._exit(9)
        return trace

    sys.settrace(trace)


@pytest.mark.parametrize("damage", ["{", "", "{}", '{"version": 2, "keys": []}', "\x00" * 10])
def test_a_damaged_file_is_refused_in_one_line_and_left_as_it_is(path, damage):
    path.write_text(damage)

    with pytest.raises(IntegrityError) as raised:
        Backend(path)

    assert str(raised.value).startswith(f"{path}: found ")
    assert "\n" not in str(raised.value)
    assert path.read_text() == damage


def test_a_file_that_was_half_written_beside_the_keys_is_ignored_and_cleared_away(path):
    path.with_name(".keys.json.abc").write_text('{"vers')

    assert keeping.read(path) == []
    keeping.clear(path)
    assert not list(path.parent.glob(".keys.json.*"))


def test_an_answer_is_sent_in_one_piece(path):
    """Cut off behind its head it would be an answer that says nothing, to botocore."""
    with served(path) as access:
        port = int(str(access.endpoint).rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: kms\r\n\r\n")
            assert connection.recv(1 << 16).endswith(b"\r\n\r\nok\n")


def test_calls_that_make_no_sense_are_answered(path):
    backend = Backend(path)

    for operation in sorted(states.OPERATIONS):
        for content in (b"", b"[]", b"nonsense", b"{}", b'{"KeyId": 7}', b'{"KeyId": null, "AliasName": {}}'):
            answer = backend.call(operation, content)
            assert answer.status in {200, 400, 500}
            assert isinstance(json.loads(answer.body), dict)
