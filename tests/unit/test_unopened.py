"""The engine's words, as it said them (3.259), become one line each."""

import pytest

from atoll.automation import unopened
from atoll.core.errors import Exit

URL = "awskms://alias/atoll-dev?region=us-east-1&context_environment=dev"
BEGIN = "error: getting stack configuration: get stack secrets manager: secrets (code=X): operation error KMS: Decrypt"
ANSWERED = f"{BEGIN}, https response error StatusCode: 400, RequestID: , "


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            f"{ANSWERED}DisabledException: arn:k is disabled.",
            "found DisabledException (arn:k is disabled); expected an enabled key. Enable it.",
        ),
        (
            f"{ANSWERED}KMSInvalidStateException: arn:k is pending deletion.",
            (
                "found KMSInvalidStateException (arn:k is pending deletion); expected a key in use. "
                "Cancel its deletion, and enable it."
            ),
        ),
        (
            f"{ANSWERED}api error UnrecognizedClientException: not signed",
            "found UnrecognizedClientException (not signed); expected a login that it knows. Mend that.",
        ),
        (
            f"{ANSWERED}api error AccessDeniedException",
            (
                "found AccessDeniedException; expected to be allowed to use it. "
                "Mend its policy, its grants or the login."
            ),
        ),
        (
            f"{ANSWERED}KMSInternalException: no disk",
            "found KMSInternalException (no disk); expected a KMS that answers. Try again later.",
        ),
        (
            (
                f"{BEGIN}, exceeded maximum number of attempts, 3, https response error StatusCode: 0, RequestID: , "
                'request send failed, Post "http://127.0.0.1:9/": dial tcp 127.0.0.1:9: connect: connection refused'
            ),
            (
                'found no answer (Post "http://127.0.0.1:9/": dial tcp 127.0.0.1:9: connect: connection refused); '
                "expected a KMS that answers. Try again later."
            ),
        ),
    ],
)
def test_what_the_kms_answered_is_told_with_the_key_and_what_to_do(said, expected):
    found = unopened.told(URL, f"Previewing update (dev):\n{said}\n")

    assert found is not None
    assert str(found) == f"awskms://alias/atoll-dev: Decrypt: {expected}"
    assert found.exit_code is Exit.UNAVAILABLE


def test_other_failures_are_none_of_the_kms():
    assert unopened.told(URL, "error: no stack named 'dev' found") is None
