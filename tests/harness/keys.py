"""A KMS in this process, moto's, with keys: it encrypts and decrypts as a real one does."""

import contextlib
from collections.abc import Iterator

import pytest
from moto import mock_aws

from atoll.secrets import kms
from atoll.secrets.envelope import WrappingKey

REGION = "us-east-1"
_LOGIN = "atoll-tests"


@contextlib.contextmanager
def played() -> Iterator[kms.Access]:
    """How to reach it while the block runs; who looks for a login finds one that opens nothing else."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, _LOGIN)
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        with mock_aws():
            yield kms.Access(REGION, None, _LOGIN, _LOGIN)


def made(access: kms.Access) -> WrappingKey:
    """A new key in it."""
    return WrappingKey(access, kms.client(access).create_key()["KeyMetadata"]["Arn"])
