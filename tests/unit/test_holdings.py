"""What is left under the keys of before, where the KMS itself says which key a data key of the engine's is under."""

import base64
import contextlib
import json

import pytest

from atoll.automation.holdings import Finder
from atoll.secrets import kms
from atoll.secrets.envelope import WrappingKey
from harness.local_kms import served
from harness.processes import bare

CONTEXT = {"environment": "e"}


@pytest.fixture
def environment(tmp_path, monkeypatch):
    return bare(tmp_path, monkeypatch)


@pytest.fixture
def lost(tmp_path):
    """A data key under a key that is in no KMS any more. One process has one local KMS at a time."""
    with served(tmp_path / "lost.json") as elsewhere, contextlib.closing(kms.client(elsewhere)) as client:
        return _data_key(client, _made(client))


@pytest.fixture
def access(lost, tmp_path):
    assert lost
    with served(tmp_path / "keys.json") as found:
        yield found


@pytest.fixture
def client(access):
    made = kms.client(access)
    yield made
    made.close()


def _made(client):
    return client.create_key()["KeyMetadata"]["Arn"]


def _data_key(client, arn):
    wrapped = client.generate_data_key(KeyId=arn, KeySpec="AES_256", EncryptionContext=CONTEXT)
    return base64.b64encode(wrapped["CiphertextBlob"]).decode()


@pytest.fixture
def keep(environment):
    """Writes a copy of the state with a data key: `keep("history", 1, data_key)`; its path."""

    def put(kind, number, data_key):
        path = environment.state / ".pulumi" / kind / "atoll" / "e" / f"e.{number}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        providers = {"type": "cloud", "state": {"encryptedkey": data_key}}
        path.write_text(json.dumps({"checkpoint": {"latest": {"secrets_providers": providers}}}))
        return str(path)

    return put


def _finder(environment, access, old, today, *, engines=True):
    return Finder(environment, [old], WrappingKey(access, today), engines)


def test_copies_are_told_that_the_key_of_today_does_not_open(environment, access, client, keep, lost):
    old, today = _made(client), _made(client)
    before = keep("history", 1, _data_key(client, old))
    keep("history", 2, _data_key(client, today))
    gone = keep("backups", 1, lost)

    found = _finder(environment, access, old, today).copies()

    assert (found.history, found.backups) == ([before], [gone])
    assert _finder(environment, access, old, today, engines=False).copies().count == 0


def test_a_data_key_that_may_not_be_opened_is_no_answer_to_whose_it_is(environment, access, client, lost):
    finder = _finder(environment, access, _made(client), _made(client))

    with pytest.raises(kms.DeniedError):
        finder.is_under_today(lost)
