"""How a KMS is reached, and what its answers are called."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from atoll.core.errors import AtollError, Exit, RefusedError, UnavailableError
from atoll.secrets import kms
from atoll.secrets.kms import Access

_HERE = Access("us-east-1", "http://127.0.0.1:1")


def _told(error):
    with pytest.raises(AtollError) as raised, kms.problems(_HERE, "app"):
        raise error
    assert raised.value.__cause__ is error
    assert "\n" not in str(raised.value)
    return raised.value


@pytest.mark.parametrize(
    ("code", "kind", "ends", "again"),
    [
        ("AccessDeniedException", kms.DeniedError, Exit.UNAVAILABLE, False),
        ("UnrecognizedClientException", kms.DeniedError, Exit.UNAVAILABLE, False),
        ("ExpiredTokenException", kms.DeniedError, Exit.UNAVAILABLE, False),
        ("DisabledException", kms.KeyStateError, Exit.UNAVAILABLE, False),
        ("KMSInvalidStateException", kms.KeyStateError, Exit.UNAVAILABLE, False),
        ("ThrottlingException", kms.ThrottledError, Exit.UNAVAILABLE, True),
        ("NotFoundException", kms.NoKeyError, Exit.REFUSED, False),
        ("AlreadyExistsException", kms.TakenError, Exit.REFUSED, False),
        ("InvalidCiphertextException", kms.CiphertextError, Exit.REFUSED, False),
        ("ValidationException", RefusedError, Exit.REFUSED, False),
        ("SomethingNewException", UnavailableError, Exit.UNAVAILABLE, True),
    ],
)
def test_an_answer_is_one_line_of_the_kind_that_says_what_to_do(code, kind, ends, again):
    told = _told(ClientError({"Error": {"Code": code, "Message": "two\n lines."}}, "Decrypt"))

    assert type(told) is kind
    assert (told.exit_code, told.retry) == (ends, again)
    assert str(told).startswith(f"http://127.0.0.1:1: key app: found {code} (two lines); expected ")


@pytest.mark.parametrize(
    "error",
    [EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), ReadTimeoutError(endpoint_url="http://x")],
)
def test_silence_is_told_apart_since_what_was_asked_for_may_be_done(error):
    told = _told(error)

    assert isinstance(told, kms.SilentError)
    assert (told.exit_code, told.retry) == (Exit.UNAVAILABLE, True)


def test_an_answer_that_nobody_can_read_is_one_line():
    told = _told(ResponseParserError("not well-formed\n<html>"))

    assert type(told) is UnavailableError
    assert str(told).startswith(
        "http://127.0.0.1:1: found an answer that is none of a KMS; expected its endpoint."
    )


def test_a_login_that_is_missing_is_no_silence():
    told = _told(NoCredentialsError())

    assert isinstance(told, kms.DeniedError)
    assert "expected a login" in str(told)


@pytest.mark.parametrize(
    ("region", "endpoint", "variables", "found"),
    [
        (None, None, {}, ("us-east-1", None)),
        (None, None, {"AWS_DEFAULT_REGION": "eu-west-1"}, ("eu-west-1", None)),
        (None, None, {"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-1"}, ("eu-west-2", None)),
        (
            "eu-west-3",
            "http://x",
            {"AWS_REGION": "a", "AWS_ENDPOINT_URL_KMS": "b"},
            ("eu-west-3", "http://x"),
        ),
        (None, None, {"AWS_ENDPOINT_URL_KMS": "http://y"}, ("us-east-1", "http://y")),
    ],
)
def test_what_is_not_said_is_what_the_variables_say(region, endpoint, variables, found):
    access = Access.current(region, endpoint, variables)

    assert (access.region, access.endpoint) == found
    assert (access.access_key, access.secret_key) == (None, None)


def test_no_login_is_shown_by_an_access():
    access = Access("us-east-1", "http://x", "AKIA", "hidden")

    assert "AKIA" not in repr(access)
    assert "hidden" not in repr(access)


@pytest.mark.parametrize(("given", "attempts"), [({}, 4), ({"attempts": 1}, 1)])
def test_a_call_is_bounded(given, attempts):
    config: Any = kms.client(Access("us-east-1", "http://127.0.0.1:1", "a", "b"), **given).meta.config

    assert config.retries == {"mode": "standard", "total_max_attempts": attempts}
    assert (config.connect_timeout, config.read_timeout) == (2, 5)


def test_a_named_endpoint_is_reached_past_every_proxy(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com")

    named: Any = kms.client(Access("us-east-1", "http://127.0.0.1:1", "a", "b")).meta.config
    cloud: Any = kms.client(Access("us-east-1", None, "a", "b")).meta.config
    assert (named.proxies, cloud.proxies) == ({}, None)
