"""Takes secrets out of what an API server says: its errors quote the values that it refuses. Pure."""

import base64
import contextlib
from collections.abc import Iterator
from typing import Any

from atoll.kubernetes import identities
from atoll.provider import values
from atoll.provider.kubernetes import manifests

_HIDDEN = "[secret]"
_SHORTEST = 4
"""Shorter secrets would take ordinary words with them."""


def hidden(text: str, inputs: values.Decoded) -> str:
    """A text without the secret values of a manifest, plain or as a Secret encodes them."""
    for secret in sorted(_secrets(inputs), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return text


@contextlib.contextmanager
def errors(inputs: values.Decoded) -> Iterator[None]:
    """Hides the secrets of a manifest in the text of every error that passes, and of those behind it."""
    try:
        yield
    except Exception as error:
        link: BaseException | None = error
        while link is not None:
            link.args = tuple(hidden(part, inputs) if isinstance(part, str) else part for part in link.args)
            link = link.__cause__ or link.__context__
        raise


def _secrets(inputs: values.Decoded) -> set[str]:
    found = {text for path in inputs.secrets for text in _texts(values.at(inputs.value, path))}
    if identities.group_kind(inputs.value) == manifests.SECRET:
        found |= {text for field in ("data", "stringData") for text in _texts(inputs.value.get(field))}
    long = {text for text in found if len(text) >= _SHORTEST}
    return long | {base64.b64encode(text.encode()).decode() for text in long}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
