"""The tags of things in a cloud: whose a thing is, and what a tag may hold. Pure."""

import re
from collections.abc import Mapping
from typing import Any

OWNER = "atoll.dev/owner"
"""The tag that says whose a thing is: `project/stack`."""
RESERVED = ("aws:", "atoll.dev/")
"""How the tags begin that the cloud sets, or Atoll."""
MOST = 50
"""On one thing. Source: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html"""
_KEY, _VALUE = re.compile(r"[\w .:/=+@-]{1,128}"), re.compile(r"[\w .:/=+@-]{0,256}")


def own(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags without those that the cloud or Atoll sets itself."""
    return {key: value for key, value in tags.items() if not key.startswith(RESERVED)}


def problem(value: Any, most: int) -> str | None:
    """What keeps a map from being the tags of a thing, or None."""
    if not isinstance(value, Mapping):
        return f"found {value!r}; expected a map"
    for key, text in value.items():
        if str(key).startswith(RESERVED):
            return f"found {key!r}; expected another (tags that begin with {' or '.join(RESERVED)} are set for you)"
        if not _KEY.fullmatch(str(key)) or not isinstance(text, str) or not _VALUE.fullmatch(text):
            return f"found {key!r}: {text!r}; expected letters, digits, spaces and . : / = + - @ _ (128 and 256 at most)"
    return f"found {len(value)}; expected at most {most}" if len(value) > most else None
