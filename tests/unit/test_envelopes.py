"""Sealed messages: they open for their own name under their own key, and for nothing else."""

import functools
import io
import random
from concurrent.futures import ThreadPoolExecutor

import aws_encryption_sdk
import botocore.session
import pytest
from aws_encryption_sdk.identifiers import Algorithm, CommitmentPolicy
from hypothesis import example, given, settings
from hypothesis import strategies as st

from atoll.core import files
from atoll.core.errors import ArgsError, IntegrityError, UnavailableError
from atoll.secrets import envelope, kms, message
from atoll.secrets.envelope import WrappingKey
from atoll.secrets.message import Context
from harness import keys, tampering
from harness.tampering import CONTEXT, FRAME, Sealed


@pytest.fixture(scope="module")
def access():
    with keys.played() as found:
        yield found


@pytest.fixture(scope="module")
def key(access):
    return keys.made(access)


def _sealed(key, value, context=CONTEXT, frame=FRAME):
    target = io.BytesIO()
    key.seal(context, io.BytesIO(value), target, frame=frame)
    return target.getvalue()


def _opened(key, sealed, context=CONTEXT):
    target = io.BytesIO()
    key.open(context, io.BytesIO(sealed), target)
    return target.getvalue()


class _Dripping(io.BytesIO):
    """A pipe that gives a little at a time."""

    def read(self, size=-1):
        return super().read(min(size, 7) if size > 0 else size)


@settings(max_examples=100)
@given(st.binary(max_size=4 * FRAME))
@example(b"")
@example(b"x" * FRAME)
@example(b"x" * FRAME * 2)
def test_what_was_sealed_opens(key, value):
    sealed = _sealed(key, value)

    assert _opened(key, sealed) == value
    assert value not in sealed or len(value) < 4


def test_a_source_that_drips_is_sealed_and_opened_whole(key):
    value = random.Random(1).randbytes(3 * FRAME + 5)
    sealed, opened = io.BytesIO(), io.BytesIO()

    key.seal(CONTEXT, _Dripping(value), sealed, frame=FRAME)
    key.open(CONTEXT, _Dripping(sealed.getvalue()), opened)

    assert opened.getvalue() == value


@settings(max_examples=400)
@given(st.integers(min_value=0))
def test_what_was_tampered_with_does_not_open_and_no_answer_tells_why(key, seed):
    sealed, other = (Sealed(message, key.arn) for message in _pair(key))

    assert tampering.refused(key, tampering.one(random.Random(seed), sealed, other)) in tampering.ANSWERS


def _pair(key, made={}):  # noqa: B006 - the same two messages for all examples
    if key.arn not in made:
        made[key.arn] = [_sealed(key, random.Random(seed).randbytes(2 * FRAME + 44)) for seed in (1, 2)]
    return made[key.arn]


def test_nothing_of_a_message_that_fits_one_frame_is_written_before_all_of_it_is_verified(key):
    sealed, target = _sealed(key, b"x" * 100), io.BytesIO()

    for wrong in (sealed[:-1], sealed + b"\n", sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(IntegrityError):
            key.open(CONTEXT, io.BytesIO(wrong), target)

    assert target.getvalue() == b""


def test_a_file_that_does_not_open_leaves_the_old_one_and_nothing_beside_it(key, tmp_path):
    path = tmp_path / "value"
    path.write_bytes(b"old")
    sealed = _sealed(key, b"x" * 3 * FRAME)

    with pytest.raises(IntegrityError), files.whole(path) as target:
        key.open(CONTEXT, io.BytesIO(sealed[:-1]), target)

    assert [each.name for each in tmp_path.iterdir()] == ["value"]
    assert path.read_bytes() == b"old"


def test_another_key_opens_nothing(access, key):
    with pytest.raises(IntegrityError):
        _opened(keys.made(access), _sealed(key, b"value"))


def test_each_sealing_yields_another_message(key):
    assert _sealed(key, b"value") != _sealed(key, b"value")


def test_to_rewrap_changes_every_message_and_keeps_its_name_and_value(access, key):
    value, new = random.Random(2).randbytes(3 * FRAME + 1), keys.made(access)
    old, target = _sealed(key, value), io.BytesIO()

    assert key.rewrap(Context("atoll", "reef", "any"), io.BytesIO(old), target, new) == CONTEXT

    assert _opened(new, target.getvalue()) == value
    with pytest.raises(IntegrityError):
        _opened(key, target.getvalue())


@pytest.mark.parametrize("wanted", [Context("other", "reef", "n"), Context("atoll", "dev", "n")])
def test_what_belongs_to_another_environment_is_not_rewrapped(key, wanted):
    with pytest.raises(IntegrityError):
        key.rewrap(wanted, io.BytesIO(_sealed(key, b"value")), io.BytesIO(), key)


@pytest.mark.parametrize("cut", [1, FRAME])
def test_what_is_cut_off_is_not_rewrapped(key, cut):
    with pytest.raises(IntegrityError):
        key.rewrap(CONTEXT, io.BytesIO(_sealed(key, b"x" * 2 * FRAME)[:-cut]), io.BytesIO(), key)


@given(st.binary(max_size=300))
@settings(max_examples=20)
def test_a_text_is_one_line_and_opens_however_it_was_folded(key, value):
    told = key.seal_text(CONTEXT, value)
    folded = "\n  ".join(told[place : place + 76] for place in range(0, len(told), 76)) + "\n"

    assert told.isascii()
    assert len(told.split()) == 1
    assert key.open_text(CONTEXT, told) == key.open_text(CONTEXT, folded) == value


def test_no_other_text_stands_for_the_same_message(key):
    told = next(each for size in range(3) if (each := key.seal_text(CONTEXT, b"x" * size)).endswith("=="))
    last = chr(ord(told[-3]) + 1)

    for wrong in (told[:-3] + last + "==", told + "=", told[:-1], "!" + told, "", told[:-3] + "é=="):
        with pytest.raises(IntegrityError, match=r"does not open"):
            key.open_text(CONTEXT, wrong)


def test_a_text_that_no_kubernetes_secret_would_hold_is_refused(key):
    with pytest.raises(ArgsError, match="expected at most 1048576 in text"):
        key.seal_text(CONTEXT, bytes(message.TEXT_LIMIT + 1))


@pytest.mark.parametrize("name", ["", "/a", "a/", "a b", "a\n", "ä", "a" * 254, "-"])
def test_a_name_that_would_not_be_seen_in_a_log_is_refused(name):
    with pytest.raises(ArgsError, match="secret: found the name"):
        Context("atoll", "reef", name)


def _sdk(key):
    """The SDK with its own provider of keys, as any program would use it."""
    provider = aws_encryption_sdk.StrictAwsKmsMasterKeyProvider(
        key_ids=[key.arn], botocore_session=botocore.session.Session()
    )
    client = aws_encryption_sdk.EncryptionSDKClient(
        commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
    )
    return client, provider


@pytest.mark.parametrize("size", [0, 5, envelope.FRAME + 5])
def test_the_sdk_alone_opens_what_was_sealed_here(key, size):
    value = bytes(size)
    client, provider = _sdk(key)

    opened, header = client.decrypt(source=_sealed(key, value, frame=envelope.FRAME), key_provider=provider)

    assert opened == value
    assert header.encryption_context == {"project": "atoll", "environment": "reef", "name": "harbour/token"}
    assert header.algorithm is Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY


@pytest.mark.parametrize("frame", [0, 4096, envelope.FRAME])
@pytest.mark.parametrize(
    "suite",
    [
        Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
        Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384,
    ],
)
def test_what_the_sdk_alone_sealed_opens_here(key, suite, frame):
    client, provider = _sdk(key)
    sealed, _header = client.encrypt(
        source=b"x" * 10_000,
        key_provider=provider,
        encryption_context=CONTEXT.pairs,
        algorithm=suite,
        frame_length=frame,
    )

    assert _opened(key, sealed) == b"x" * 10_000
    with pytest.raises(IntegrityError):
        _opened(key, sealed, Context("atoll", "reef", "other"))
    with pytest.raises(IntegrityError):
        _opened(key, sealed[:-1])


@pytest.mark.parametrize("more", [{}, {**CONTEXT.pairs, "more": "x"}, {**CONTEXT.pairs, "name": "a b"}])
def test_what_the_sdk_sealed_for_another_context_does_not_open(key, more):
    client, provider = _sdk(key)
    sealed, _header = client.encrypt(
        source=b"x",
        key_provider=provider,
        encryption_context=more,
        algorithm=Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
    )

    for use in (_opened, lambda *words: key.rewrap(CONTEXT, io.BytesIO(words[1]), io.BytesIO(), key)):
        with pytest.raises(IntegrityError):
            use(key, sealed)


def test_a_message_without_key_commitment_does_not_open(key):
    _client, provider = _sdk(key)
    client = aws_encryption_sdk.EncryptionSDKClient(
        commitment_policy=CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT
    )
    sealed, _header = client.encrypt(source=b"x", key_provider=provider, encryption_context=CONTEXT.pairs)

    with pytest.raises(IntegrityError):
        _opened(key, sealed)


def test_what_the_kms_answers_is_told_as_it_is(access, key, monkeypatch):
    sealed = _sealed(key, b"value")
    missing = WrappingKey(access, key.arn[:-12] + "0" * 12)

    with pytest.raises(kms.NoKeyError, match="NotFoundException"):
        _sealed(missing, b"value")
    with monkeypatch.context() as patch:
        patch.setattr(key.client, "decrypt", lambda **_words: {})
        with pytest.raises(UnavailableError, match="found an answer without 'KeyId'"):
            _opened(key, sealed)
    monkeypatch.setattr(kms, "client", functools.partial(kms.client, attempts=1))
    gone = WrappingKey(kms.Access(keys.REGION, "http://127.0.0.1:1", "a", "b"), key.arn)
    with pytest.raises(UnavailableError, match="expected a KMS that answers"):
        _sealed(gone, b"value")


def test_to_seal_and_to_open_take_one_call_each(key):
    asked: list[str] = []
    events = key.client.meta.events
    events.register("before-call.kms", note := lambda model, **_words: asked.append(model.name))

    _opened(key, _sealed(key, b"x" * 5 * FRAME))
    events.unregister("before-call.kms", note)

    assert asked == ["GenerateDataKey", "Decrypt"]


def test_a_key_serves_many_threads_at_once(access, key):
    shared = WrappingKey(access, key.arn)
    values = [f"value {number}".encode() for number in range(100)]

    with ThreadPoolExecutor(16) as pool:
        lines = list(pool.map(lambda value: shared.seal_text(CONTEXT, value), values))
        opened = list(pool.map(lambda line: shared.open_text(CONTEXT, line), lines))

    assert opened == values
    assert len(set(lines)) == len(values)


def test_a_key_is_found_by_its_alias_and_a_missing_one_is_told(access, key):
    kms.client(access).create_alias(AliasName="alias/harbour", TargetKeyId=key.arn)

    assert WrappingKey.found(access, "alias/harbour") == WrappingKey.found(access, key.arn) == key
    with pytest.raises(kms.NoKeyError, match="key alias/none: found NotFoundException"):
        WrappingKey.found(access, "alias/none")
