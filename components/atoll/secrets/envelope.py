"""Envelope encryption by the AWS Encryption SDK: a data key of a KMS seals, and its wrapped form lies in the header.

AES-256-GCM with key commitment, in frames, so that a file of any size passes through little memory. The message is
the SDK's own, and opens with the SDK alone.
Source: https://docs.aws.amazon.com/encryption-sdk/latest/developer-guide/message-format.html.
"""

import io
import logging
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, BinaryIO, Protocol, Self

from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError, DecryptKeyError, GenerateKeyError
from aws_encryption_sdk.identifiers import Algorithm, CommitmentPolicy
from aws_encryption_sdk.key_providers.kms import KMSMasterKey
from aws_encryption_sdk.streaming_client import StreamDecryptor, StreamEncryptor
from cryptography.exceptions import InvalidTag

from atoll.core.errors import ArgsError, UnavailableError
from atoll.secrets import kms, message
from atoll.secrets.message import Context

FRAME = 2**20
"""Bytes of a frame. Measured: from 64 KiB to this the cost is the same, 4 MiB take more (`python -m bench.envelopes`)."""
_SUITE = Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY
_POLICY = CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
_READ = 2**16
"""The least that is read at once: messages of other programs have frames of 4 KiB."""
_LARGEST_FRAME = 2**26
"""A frame is opened in memory; who made a larger one promised none that is small."""
_MOST_KEYS = 8
_LARGEST_WRAPPED = 6144
"""The most that the KMS takes for decryption; of more, and of nothing, it says no word about the ciphertext."""
_NO_MESSAGE = (AWSEncryptionSDKClientError, InvalidTag, ValueError, struct.error)
"""What the SDK raises for bytes that are no message of the wanted key, or no longer one."""

# What the SDK logs with a traceback is what it raises.
logging.getLogger("aws_encryption_sdk").addHandler(logging.NullHandler())


class Source(Protocol):
    """Where bytes come from."""

    def read(self, size: int, /) -> bytes:
        """The next bytes; fewer than asked for only at the end."""
        ...


@dataclass(frozen=True)
class WrappingKey:
    """The KMS key, by its ARN, under which data keys are wrapped. May be shared between threads."""

    access: kms.Access
    arn: str

    @classmethod
    def found(cls, access: kms.Access, key: str) -> Self:
        """The key of an alias or ARN, with one call of the KMS.

        Raises:
            NoKeyError: there is none.
            UnavailableError: the KMS does not answer, or not this caller.
        """
        client = kms.client(access)
        with kms.problems(access, key):
            arn = client.describe_key(KeyId=key)["KeyMetadata"]["Arn"]
        return cls._by(client, access, arn)

    def beside(self, arn: str) -> Self:
        """Another key of the same KMS."""
        return self._by(self.client, self.access, arn)

    @classmethod
    def _by(cls, client: Any, access: kms.Access, arn: str) -> Self:
        """A key with a client that is there: one takes a tenth of a second to make."""
        made = cls(access, arn)
        vars(made)["client"] = client
        return made

    @cached_property
    def client(self) -> Any:
        """The client, made once."""
        return kms.client(self.access)

    def seal(self, context: Context, source: Source, target: BinaryIO, *, frame: int = FRAME) -> None:
        """Seals what a source gives into a target, with one call of the KMS.

        Raises:
            UnavailableError: the KMS does not give a data key.
        """
        encryptor = StreamEncryptor(
            source=source,
            key_provider=self._master(),
            commitment_policy=_POLICY,
            algorithm=_SUITE,
            encryption_context=context.pairs,
            frame_length=frame,
        )
        with _told(self):
            while chunk := encryptor.read(frame):
                target.write(chunk)

    def open(self, context: Context, source: Source, target: BinaryIO) -> None:
        """Opens a message that was sealed for a context, with one call of the KMS.

        Each frame is verified before it is written, the last one only when all is: until this returns, the target
        may hold the beginning of a message that was cut off. What fits one frame is written whole or not at all.

        Raises:
            IntegrityError: it is another message, or not as it was sealed.
            UnavailableError: the KMS does not answer, or may not use the key.
        """
        with self._opened(str(context), source) as opened:
            if Context.of(opened.header.encryption_context) != context:
                raise message.integrity(context, self.arn)
            target.writelines(_chunks(opened, source))

    def rewrap(self, context: Context, source: Source, target: BinaryIO, key: "WrappingKey") -> Context:
        """Opens a message and seals it anew under a key, frame by frame; the plaintext touches no disk.

        The name of the context counts for nothing: the message tells its own, which is verified and returned.

        Raises:
            IntegrityError: it is of another project or environment, or not as it was sealed.
            UnavailableError: a KMS does not answer, or may not use its key.
        """
        with self._opened(_within(context), source) as opened:
            own = Context.of(opened.header.encryption_context)
            if own != replace(context, name=own.name):
                raise message.integrity(_within(context), self.arn)
            key.seal(own, _Chunks(_chunks(opened, source)), target)
        return own

    def seal_text(self, context: Context, value: bytes) -> str:
        """Seals a value that fits a Kubernetes Secret into one line for an inventory."""
        if len(value) > message.TEXT_LIMIT:
            raise ArgsError(
                f"{context}: found {len(value)} bytes; expected at most {message.TEXT_LIMIT} in text "
                "(a Kubernetes Secret holds no more). Seal it into a file: --out FILE"
            )
        sealed = io.BytesIO()
        self.seal(context, io.BytesIO(value), sealed)
        return message.text(sealed.getvalue())

    def open_text(self, context: Context, told: str) -> bytes:
        """Opens what `seal_text` made; raises as `open` does."""
        value = io.BytesIO()
        self.open(context, self._of_text(str(context), told), value)
        return value.getvalue()

    def rewrap_text(self, context: Context, told: str, key: "WrappingKey") -> tuple[Context, str]:
        """As `rewrap`, from text to text."""
        sealed = io.BytesIO()
        own = self.rewrap(context, self._of_text(_within(context), told), sealed, key)
        return own, message.text(sealed.getvalue())

    def _of_text(self, what: str, told: str) -> io.BytesIO:
        try:
            return io.BytesIO(message.binary(told))
        except ValueError as error:
            raise message.integrity(what, self.arn) from error

    def _master(self) -> KMSMasterKey:
        """The one key that wraps and unwraps. It keeps no data key: each message has its own."""
        return _MasterKey(key_id=self.arn, client=self.client)

    @contextmanager
    def _opened(self, what: str, source: Source) -> Iterator[StreamDecryptor]:
        """The message of a source; `what` names it in errors."""
        opened = StreamDecryptor(
            source=source,
            key_provider=self._master(),
            commitment_policy=_POLICY,
            max_encrypted_data_keys=_MOST_KEYS,
            max_body_length=_LARGEST_FRAME,
        )
        try:
            with _told(self):
                yield opened
        except (*_NO_MESSAGE, kms.CiphertextError) as error:
            raise message.integrity(what, self.arn) from error


def _within(context: Context) -> str:
    """How errors call a message whose name only it knows."""
    return f"{context.project}/{context.environment}"


class _MasterKey(KMSMasterKey):  # type: ignore[misc]  # the SDK has no types
    """The SDK's key, which lets through what the KMS answers instead of keeping it to itself."""

    def _generate_data_key(self, *args: Any, **words: Any) -> Any:
        with _unhidden():
            return super()._generate_data_key(*args, **words)

    def _decrypt_data_key(self, encrypted_data_key: Any, *args: Any, **words: Any) -> Any:
        if not 0 < len(encrypted_data_key.encrypted_data_key) <= _LARGEST_WRAPPED:
            raise DecryptKeyError("not a data key that a KMS wrapped")
        with _unhidden():
            return super()._decrypt_data_key(encrypted_data_key, *args, **words)


class _Chunks:
    """A source of chunks of any size."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, b""

    def read(self, size: int, /) -> bytes:
        """At most so many of the next bytes; none only at the end."""
        self._rest = self._rest or next(self._chunks, b"")
        given, self._rest = self._rest[:size], self._rest[size:]
        return given


def _chunks(opened: StreamDecryptor, source: Source) -> Iterator[bytes]:
    """What a message holds, each chunk verified, the last of them when it is known that nothing follows."""
    size = max(opened.header.frame_length or _LARGEST_FRAME, _READ)
    held = opened.read(size)
    while held and (chunk := opened.read(size)):
        yield held
        held = chunk
    if source.read(1):
        raise ValueError("found bytes behind the end of the message")
    yield held


@contextmanager
def _unhidden() -> Iterator[None]:
    try:
        yield
    except (DecryptKeyError, GenerateKeyError) as error:
        raise error.__cause__ or error from None


@contextmanager
def _told(key: WrappingKey) -> Iterator[None]:
    """What the KMS answers within, as errors of one line each."""
    with kms.problems(key.access, key.arn):
        try:
            yield
        except KeyError as error:
            raise UnavailableError(
                f"{key.access.label}: found an answer without {error}; expected a KMS that answers."
            ) from error
