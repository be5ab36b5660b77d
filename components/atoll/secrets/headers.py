"""What the header of a sealed message tells everybody: what it is bound to, and under which keys. Pure.

Nothing of it is verified before the message is opened: it serves to refuse early, never to trust.
"""

import io
import struct
from dataclasses import dataclass

from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError
from aws_encryption_sdk.internal.formatting.deserialize import deserialize_header

from atoll.secrets.message import Context

_MOST_KEYS = 8


@dataclass(frozen=True)
class Header:
    """The context of a message, and the names of the keys that its data key is wrapped under, sorted."""

    context: Context
    keys: tuple[str, ...]


def read(sealed: bytes) -> Header:
    """The header of a message.

    Raises:
        ValueError: it is no message, or one of another kind of context.
    """
    try:
        found, _ = deserialize_header(io.BytesIO(sealed), _MOST_KEYS)
        names = sorted(each.key_provider.key_info.decode() for each in found.encrypted_data_keys)
    except (AWSEncryptionSDKClientError, struct.error) as error:
        raise ValueError("not a message") from error
    return Header(Context.of(found.encryption_context), tuple(names))
