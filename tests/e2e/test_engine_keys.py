"""A KMS in a cloud that fails the engine itself: one line, exit code 4, nothing changed."""

import re
import time

import pytest
import yaml

from atoll.automation import sealing
from atoll.core.errors import Exit
from atoll.secrets import kms
from harness.kms import ANY, Fault, Proxy, served

_REGION = "us-east-1"
_LOGIN = "atoll-tests"
_GIVEN_UP_WITHIN = 30


@pytest.fixture(scope="module")
def proxy():
    """A way to a KMS with one key, `alias/shared`."""
    with served() as port:
        made = Proxy(port)
        client = kms.client(kms.Access(_REGION, made.endpoint, _LOGIN, _LOGIN))
        client.create_alias(AliasName="alias/shared", TargetKeyId=client.create_key()["KeyMetadata"]["KeyId"])
        client.close()
        yield made
        made.stop()


@pytest.fixture(scope="module")
def shared(checkout, proxy):
    """An environment whose state is under a key of that KMS; nothing of it runs here."""
    declared = checkout.folder / "stacks" / "elsewhere.yaml"
    where = {"driver": "aws", "key": "alias/shared", "region": _REGION, "endpoint": proxy.endpoint}
    local = {"driver": "local"}
    declared.write_text(yaml.safe_dump({"controlPlane": local, "kms": where, "clusters": {"reef": local}}))
    before = dict(checkout.variables)
    checkout.variables |= {"AWS_ACCESS_KEY_ID": _LOGIN, "AWS_SECRET_ACCESS_KEY": _LOGIN}
    try:
        checkout.atoll("env", "elsewhere")
        yield checkout
    finally:
        checkout.atoll("down", "elsewhere", "--force")
        checkout.variables.clear()
        checkout.variables.update(before)
        declared.unlink()


_FAULTS = {
    "down": (Fault(ANY), r"found no answer \(.+\); expected a KMS that answers"),
    "throttling": (
        Fault(ANY, "ThrottlingException"),
        "found ThrottlingException .+ expected fewer calls at once",
    ),
    "denied": (
        Fault(ANY, "AccessDeniedException"),
        "found AccessDeniedException .+ expected to be allowed to use it",
    ),
    "disabled": (Fault(ANY, "DisabledException"), "found DisabledException .+ expected an enabled key"),
    "pending deletion": (
        Fault(ANY, "KMSInvalidStateException"),
        "found KMSInvalidStateException .+ Cancel its deletion",
    ),
}


@pytest.mark.parametrize("name", _FAULTS)
def test_a_kms_that_does_not_open_the_state_is_told_in_one_line(name, shared, proxy):
    fault, expected = _FAULTS[name]
    environment = shared.environment("elsewhere")
    kept = sealing.kept(environment)
    before = (kept.read_bytes(), environment.stack_settings.read_bytes())

    with proxy.failing(fault):
        told = shared.atoll("up", "elsewhere", code=Exit.UNAVAILABLE)

    (line,) = [line for line in told.stderr.splitlines() if "found" in line]
    assert re.search(expected, line)
    assert line.startswith("awskms://alias/shared: Decrypt: ")
    assert (kept.read_bytes(), environment.stack_settings.read_bytes()) == before


def test_a_kms_that_says_nothing_is_given_up_before_the_engine_waits_for_it(shared, proxy):
    begin = time.monotonic()

    with proxy.failing(Fault(ANY, delay=60)):
        told = shared.atoll("up", "elsewhere", code=Exit.UNAVAILABLE)

    assert f"{proxy.endpoint}: found no answer within 15 s; expected a KMS that answers" in told.stderr
    assert time.monotonic() - begin < _GIVEN_UP_WITHIN


def test_a_kms_that_is_slow_is_waited_for(shared, proxy):
    with proxy.failing(Fault("Decrypt", slow=True, delay=3)):
        shared.shell("elsewhere", "pulumi stack export --show-secrets")


def test_a_kms_that_throttles_twice_is_asked_again(shared, proxy):
    with proxy.failing(Fault("Decrypt", "ThrottlingException", times=2)):
        shared.shell("elsewhere", "pulumi stack export --show-secrets")

    assert proxy.hit == ["Decrypt"] * 2
