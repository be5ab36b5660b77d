"""The state's secrets under the KMS of the environment, through kills, a reboot and a past with a passphrase."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import sys
import threading
import time

import psutil
import pytest
import yaml

from atoll.automation import sealing
from atoll.core.errors import Exit
from atoll.host import Supervisor, remains
from atoll.secrets import kms
from atoll.secrets.local import seat
from harness import waiting

URL = "awskms://alias/atoll-test?region=us-east-1&context_environment=test"


def nothing_changes(checkout):
    report = checkout.report("up", "test")
    assert report["changes"] == []
    assert {each["failed"] for each in report["clusters"].values()} == {0}
    return report


def test_the_state_is_under_the_environments_key_and_says_no_endpoint(up):
    checkout, _ = up
    environment = checkout.environment("test")
    written = [environment.stack_settings, *environment.state.rglob("*.json")]

    assert (sealing.provider(environment), sealing.declared(environment)) == (URL, URL)
    assert not environment.passphrase.exists()
    assert len(written) > 2
    for path in written:
        assert str(seat.seat(environment).port) not in re.findall(r":(\d+)/?[?\"]", path.read_text()), path
        assert "passphrase" not in path.read_text(), path


def test_a_kms_that_is_killed_comes_back_with_its_keys(up):
    checkout, _ = up
    supervisor = Supervisor(checkout.environment("test"))
    killed = supervisor.state(seat.NAME)
    assert killed is not None
    os.kill(killed.pid, signal.SIGKILL)

    nothing_changes(checkout)

    found = supervisor.state(seat.NAME)
    assert found is not None
    assert found.pid != killed.pid
    said = checkout.shell("test", "pulumi stack export --show-secrets")
    assert "BEGIN" in said.stdout
    assert "kms" in {each["name"] for each in checkout.report("status", "test")["processes"]}


def test_after_a_loss_of_everything_that_ran_every_secret_opens(up):
    checkout, _ = up
    environment = checkout.environment("test")
    for process in [*remains.supervisors(environment), *remains.supervised(environment)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    waiting.until(lambda: not remains.supervised(environment), "the processes end")

    nothing_changes(checkout)


def test_a_key_that_is_disabled_is_told_in_one_line_and_nothing_is_changed(up):
    checkout, _ = up
    environment = checkout.environment("test")
    client = kms.client(seat.seat(environment).access())
    key = client.describe_key(KeyId=seat.alias("test"))["KeyMetadata"]["KeyId"]
    before = sealing.kept(environment).read_bytes()
    client.disable_key(KeyId=key)
    try:
        told = checkout.atoll("up", "test", code=Exit.UNAVAILABLE)
    finally:
        client.enable_key(KeyId=key)
        client.close()

    line = r"awskms://alias/atoll-test: Decrypt: found DisabledException \(arn:\S+ is disabled\); expected an enabled key. Enable it."
    assert re.search(f"^{line}$", told.stderr, re.MULTILINE)
    assert sealing.kept(environment).read_bytes() == before


@pytest.fixture
def of_old(up):
    """The environment as it was made before there was a KMS: under a passphrase, with nothing of a KMS."""
    checkout, _ = up
    environment = checkout.environment("test")
    environment.passphrase.write_text("of old")
    checkout.shell(
        "test",
        f"PULUMI_CONFIG_PASSPHRASE_FILE={environment.passphrase} pulumi stack change-secrets-provider passphrase",
    )
    Supervisor(environment).remove([seat.NAME])
    shutil.rmtree(environment.folder / seat.NAME)
    assert (sealing.provider(environment), sealing.declared(environment)) == ("passphrase", "passphrase")
    return checkout


def test_an_environment_of_old_is_migrated_by_the_next_up_also_one_that_is_killed_half_way(of_old):
    checkout = of_old
    environment = checkout.environment("test")
    assert checkout.report("up", "test", "--check")["changes"] == []
    assert sealing.provider(environment) == "passphrase"

    run = checkout.start("up", "test")
    with contextlib.closing(run.stdout):
        waiting.until(lambda: sealing.declared(environment) == URL, "the migration begins")
        run.kill()
        run.wait()
    assert environment.passphrase.exists() or sealing.provider(environment) == URL

    nothing_changes(checkout)

    assert (sealing.provider(environment), sealing.declared(environment)) == (URL, URL)
    assert not environment.passphrase.exists()
    said = json.loads(checkout.shell("test", "pulumi stack export --show-secrets").stdout)
    assert "of old" not in json.dumps(said)


@pytest.fixture
def recorder():
    """Stands where the caller's variables lead, and notes who comes."""
    seen = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        ended = threading.Event()

        def record():
            while not ended.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = server.accept()
                    with connection:
                        connection.settimeout(1)
                        with contextlib.suppress(OSError):
                            seen.append(connection.recv(4096))

        thread = threading.Thread(target=record)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", seen
        ended.set()
        thread.join()


_ASKS = """
import boto3, botocore.config
once = botocore.config.Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=2)
try:
    boto3.client("kms", config=once).list_keys()
except Exception as error:
    print(error)
"""


def test_nothing_that_an_environment_runs_goes_where_the_callers_login_leads(
    up, recorder, tmp_path, monkeypatch
):
    checkout, _ = up
    address, seen = recorder
    profile = tmp_path / "config"
    profile.write_text(f"[default]\nregion = eu-central-1\nendpoint_url = {address}\n[profile prod]\n")
    planted = {
        "AWS_ACCESS_KEY_ID": "AKIAPLANTEDPLANTED00",
        "AWS_SECRET_ACCESS_KEY": "planted/planted/planted/planted/planted0",
        "AWS_SESSION_TOKEN": "planted",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL": address,
        "AWS_ENDPOINT_URL_KMS": address,
        "AWS_ENDPOINT_URL_STS": address,
        "AWS_CONFIG_FILE": str(profile),
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"), address),
    }
    for name, value in planted.items():
        monkeypatch.setitem(checkout.variables, name, value)

    nothing_changes(checkout)
    checkout.shell("test", "pulumi preview --non-interactive && pulumi stack export --show-secrets")
    said = checkout.shell("test", f"{sys.executable} -c '{_ASKS.replace(chr(39), chr(34))}'")

    assert seen == []
    assert said.stdout == ""
    # Outside of the environment the same variables lead to the recorder.
    checkout.run([sys.executable, "-c", _ASKS])
    waiting.until(lambda: seen, "the recorder sees who is not led elsewhere", 5)
    assert b"ListKeys" in seen[0]
    time.sleep(0.1)


def test_a_kms_elsewhere_is_used_with_the_callers_login_and_the_key_that_is_there(up, monkeypatch):
    """The environment's KMS plays one in a cloud for another environment, of which only the stack is made."""
    checkout, _ = up
    cloud = seat.seat(checkout.environment("test")).access()
    client = kms.client(cloud)
    key = client.create_key()["KeyMetadata"]["KeyId"]
    elsewhere = {"driver": "aws", "key": "alias/shared", "region": cloud.region, "endpoint": cloud.endpoint}
    declared = checkout.folder / "stacks" / "shared.yaml"
    local = {"driver": "local"}
    inventory = {"controlPlane": local, "kms": elsewhere, "clusters": {"reef": local}}
    declared.write_text(yaml.safe_dump(inventory))
    try:
        stranger = checkout.atoll("env", "shared", code=Exit.UNAVAILABLE)
        monkeypatch.setitem(checkout.variables, "AWS_ACCESS_KEY_ID", str(cloud.access_key))
        monkeypatch.setitem(checkout.variables, "AWS_SECRET_ACCESS_KEY", str(cloud.secret_key))
        missing = checkout.atoll("env", "shared", code=Exit.REFUSED)
        client.create_alias(AliasName="alias/shared", TargetKeyId=key)
        shown = checkout.atoll("env", "shared").stdout
        environment = checkout.environment("shared")
        settings = environment.stack_settings.read_text()
        made = checkout.shell("shared", "pulumi stack export --show-secrets")
        names = [each.name for each in Supervisor(environment).processes()]
    finally:
        client.close()
        checkout.atoll("down", "shared", "--force")
        declared.unlink()

    assert "UnrecognizedClientException" in stranger.stderr
    assert "alias/shared: found NotFoundException" in missing.stderr
    assert "awskms://alias/shared?region=us-east-1&context_environment=shared" in settings
    assert str(cloud.endpoint) not in settings
    assert str(cloud.secret_key) not in shown
    assert made.returncode == 0
    assert names == []
