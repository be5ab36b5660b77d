"""The KMS of this machine as a supervised process: killed in the middle of calls, stopped, damaged, in the way."""

import json
import os
import random
import signal
import socket
import threading
import time
from datetime import timedelta

import psutil
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from atoll.automation import custody
from atoll.core.errors import IntegrityError, UnavailableError
from atoll.host import Supervisor
from atoll.platform.inventory import Kms
from atoll.secrets import keys, kms
from atoll.secrets.local import keeping, seat
from harness.processes import supervised

CONTEXT = {"environment": "e"}
KILLS, WRITERS = 8, 2


@pytest.fixture
def environment(monkeypatch):
    with supervised(monkeypatch) as made:
        yield made


def start(environment):
    Supervisor(environment).ensure(custody.programs(environment, Kms()))
    custody.wait(environment, Kms())
    return custody.ensured(environment, Kms())


def process(environment):
    found = Supervisor(environment).state(seat.NAME)
    return psutil.Process(found.pid) if found and found.pid else None


def patiently(call, **arguments):
    """Calls until there is an answer, as whoever needs one does; a lost one may have been a change."""
    while True:
        try:
            return call(**arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] != "AlreadyExistsException":
                raise
            return None
        except BotoCoreError:
            time.sleep(0.05)


def write(access, name, ended, kept):
    """Makes keys, aliases and ciphertexts, and notes each that was answered."""
    client = kms.client(access)
    number = 0
    while not ended.is_set():
        number += 1
        key = patiently(client.create_key, Description=name)["KeyMetadata"]["KeyId"]
        alias, text = f"alias/{name}-{number}", os.urandom(16)
        patiently(client.create_alias, AliasName=alias, TargetKeyId=key)
        blob = patiently(client.encrypt, KeyId=alias, Plaintext=text, EncryptionContext=CONTEXT)[
            "CiphertextBlob"
        ]
        kept.append((key, alias, text, blob))
    client.close()


def test_what_two_writers_were_answered_outlives_kills_in_the_middle_of_their_calls(environment):
    access = start(environment).access
    ended = threading.Event()
    kept: list[tuple[str, str, bytes, bytes]] = []
    writers = [
        threading.Thread(target=write, args=(access, f"w{number}", ended, kept)) for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    killed: set[int] = set()
    while len(killed) < KILLS:
        time.sleep(random.uniform(0.05, 0.3))
        # Soon after its start it has answered nobody yet.
        custody.wait(environment, Kms())
        found = process(environment)
        if found and found.pid not in killed:
            time.sleep(random.uniform(0, 0.2))
            os.kill(found.pid, signal.SIGKILL)
            killed.add(found.pid)
            Supervisor(environment).revive()
    ended.set()
    for writer in writers:
        writer.join()

    client = kms.client(access)
    assert len(kept) > KILLS
    for key, alias, text, blob in kept:
        assert client.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"] == key
        assert client.decrypt(CiphertextBlob=blob, EncryptionContext=CONTEXT)["Plaintext"] == text
    client.close()
    assert not list(seat.seat(environment).folder.glob(".keys.json.*")), (
        "what killed writers left is cleared away"
    )


def test_a_stop_of_everything_loses_nothing_and_the_key_is_found_again(environment):
    kept = start(environment)
    client = kms.client(kept.access)
    blob = client.encrypt(KeyId=kept.key, Plaintext=b"x")["CiphertextBlob"]
    key = client.describe_key(KeyId=kept.key)["KeyMetadata"]["KeyId"]
    client.close()

    Supervisor(environment).stop()
    Supervisor(environment).start()
    again = start(environment)

    client = kms.client(again.access)
    assert client.decrypt(CiphertextBlob=blob)["KeyId"].endswith(key)
    assert len(client.list_keys()["Keys"]) == 1
    client.close()


def test_a_key_that_a_killed_run_left_without_its_alias_is_taken_up(environment):
    kept = start(environment)
    client = kms.client(kept.access)
    (key,) = client.list_keys()["Keys"]
    client.delete_alias(AliasName=kept.key)

    custody.ensured(environment, Kms())

    assert client.describe_key(KeyId=kept.key)["KeyMetadata"]["KeyId"] == key["KeyId"]
    client.close()


def test_a_key_that_another_took_over_from_is_not_taken_up(environment):
    kept = start(environment)
    client = kms.client(kept.access)
    (key,) = client.list_keys()["Keys"]
    client.tag_resource(KeyId=key["KeyId"], Tags=[{"TagKey": keys.STATE, "TagValue": "retired"}])
    client.delete_alias(AliasName=kept.key)

    custody.ensured(environment, Kms())

    assert client.describe_key(KeyId=kept.key)["KeyMetadata"]["KeyId"] != key["KeyId"]
    client.close()


def test_damaged_keys_are_told_before_a_process_is_started_and_stay_as_they_are(environment):
    start(environment)
    Supervisor(environment).stop()
    keys = seat.seat(environment).keys
    damaged = keys.read_text().replace('"state": "Enabled"', '"state": "Disabled"')
    keys.write_text(damaged)

    with pytest.raises(IntegrityError, match=r"keys.json: found keys that do not fit their digest; expected"):
        custody.programs(environment, Kms())
    Supervisor(environment).start()
    time.sleep(2)

    assert keys.read_text() == damaged


def test_a_port_that_somebody_else_has_is_told_with_its_name(environment, monkeypatch):
    monkeypatch.setattr(custody, "_PATIENCE", timedelta(seconds=2))
    port = seat.seat(environment).port
    with socket.create_server(("127.0.0.1", port)) as taken:
        taken.settimeout(0.1)
        Supervisor(environment).ensure(custody.programs(environment, Kms()))
        with pytest.raises(
            UnavailableError, match=rf"port {port}: found it taken by .*; expected it free for kms"
        ):
            custody.wait(environment, Kms())


def test_only_this_machine_can_reach_it_and_only_its_owner_its_files(environment):
    start(environment)
    found = process(environment)
    assert found is not None
    listening = [each.laddr.ip for each in found.net_connections() if each.status == psutil.CONN_LISTEN]
    taken = seat.seat(environment)

    assert listening == ["127.0.0.1"]
    assert {path.stat().st_mode & 0o077 for path in (taken.folder, taken.keys, taken.credentials)} == {0}
    (stored,) = keeping.read(taken.keys)
    betraying = [taken.login()[1], stored.material]
    told = [*found.cmdline(), *found.environ().values(), Supervisor(environment).log(seat.NAME).read_text()]
    assert not [word for word in told for secret in betraying if secret in word]
    assert json.loads(taken.keys.read_text())["version"] == 1
