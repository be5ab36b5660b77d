"""The engine's locks in a bucket of a real S3 endpoint: told, broken where they are provably stale, and left else."""

import json
import signal
import socket
import sys
from datetime import UTC, datetime

import boto3
import pytest
import yaml

from atoll.automation import locking, locks, started
from atoll.automation.engine import Engine
from atoll.automation.locks import Life
from atoll.core import command
from atoll.core.errors import Exit, LockedError, RefusedError
from atoll.platform import load
from harness.kms import served
from harness.processes import Told, bare

BUCKET, REGION = "atoll-locks", "eu-central-1"
KEY = f"{locks.place('e')}/one.json"


@pytest.fixture
def environment(tmp_path, monkeypatch):
    return bare(tmp_path, monkeypatch)


@pytest.fixture
def bucket(environment, monkeypatch):
    """The bucket that the inventory of the environment names, as its owner sees it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "atoll-tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "atoll-tests")
    with served() as port:
        endpoint = f"http://127.0.0.1:{port}"
        declared = {
            "controlPlane": {"driver": "local"},
            "kms": {"driver": "aws", "key": "alias/locks", "region": REGION, "endpoint": endpoint},
            "state": {"bucket": BUCKET, "region": REGION, "endpoint": endpoint},
        }
        stacks = environment.project / "stacks"
        (stacks / "base.yaml").write_text("{}\n")
        (stacks / "e.yaml").write_text(yaml.safe_dump(declared))
        session = boto3.session.Session("atoll-tests", "atoll-tests", region_name=REGION)
        yield session.client("s3", endpoint_url=endpoint)


def _put(bucket, host, pid):
    told = {"pid": pid, "hostname": host, "username": "me", "timestamp": datetime.now(UTC).isoformat()}
    bucket.put_object(Bucket=BUCKET, Key=KEY, Body=json.dumps(told))


def _made(bucket):
    bucket.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})


def test_locks_in_a_bucket_are_told_and_only_a_stale_one_is_broken(environment, bucket):
    assert locking.holdings(environment) == []  # there is no bucket yet
    _made(bucket)
    assert locking.holdings(environment) == []

    _put(bucket, "elsewhere", 7)
    (found,) = locking.holdings(environment)
    assert (found.lock, found.pid, found.user, found.host, found.life, found.place) == (
        ("state", 7, "me", "elsewhere", Life.UNKNOWN, f"s3://{BUCKET}/{KEY}")
    )
    with pytest.raises(RefusedError, match="cannot be known from"):
        locking.break_stale(environment, Told())

    killed = command.run(
        (*started.noting(environment), sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"),
        check=False,
    )
    assert killed.code == -signal.SIGKILL
    _put(bucket, socket.gethostname(), killed.pid)
    assert locking.break_stale(environment, Told()) == [f"s3://{BUCKET}/{KEY}"]
    assert locking.holdings(environment) == []


def test_an_engine_is_not_begun_where_another_machine_has_the_lock(environment, bucket):
    _made(bucket)
    _put(bucket, "elsewhere", 7)
    state = load(environment.project / "stacks", "e").state
    engine = Engine(environment, {"PULUMI_BACKEND_URL": f"s3://{BUCKET}"}, held=locks.of(environment, state))
    # What asks the engine about the stack comes after the locks: here is none that could be asked.
    with pytest.raises(LockedError, match=r"pid 7 on elsewhere, since .*cannot be known from") as told:
        engine.up(lambda _entry: None)
    assert told.value.exit_code is Exit.LOCKED
