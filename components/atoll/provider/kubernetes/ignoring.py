"""What an update leaves alone: the fields that a program ignores stay as the live object has them. Pure.

Source: `handleSSAIgnoreFields` of the official plugin; paths as in sdk/go/common/resource/property_path.go.
"""

import copy
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from atoll.kubernetes import identities
from atoll.provider import values
from atoll.provider.kubernetes.manifests import Manifest

_PART = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]|\.?([^.\[\]"]+)')
_ALL = "*"
_MISSING = object()


def applied(manifest: Manifest, live: Manifest, manager: str, ignored: Iterable[str]) -> Manifest:
    """A manifest as an update sends it.

    An ignored field that somebody else owns is left out, so that it is neither changed nor shared. One that is
    ours has to be sent, or the server drops it: it goes with the value that it has.
    """
    sent: Manifest = copy.deepcopy(manifest)
    entries = identities.metadata(live).get("managedFields") or []
    ours = [entry.get("fieldsV1") or {} for entry in entries if entry.get("manager") == manager]
    theirs = [entry.get("fieldsV1") or {} for entry in entries if entry.get("manager") != manager]
    for text in ignored:
        for place in list(_places(parsed(text), manifest, ())):
            is_foreign = any(_contains(fields, manifest, place) for fields in theirs)
            if is_foreign and not any(_contains(fields, manifest, place) for fields in ours):
                _remove(sent, place)
            elif (found := _at(live, place)) is not _MISSING:
                _put(sent, place, found)
    return sent


def parsed(text: str) -> values.Path:
    """A property path taken apart: `a.b[0]["c.d"]`."""
    parts: list[str | int] = []
    for quoted, index, word in _PART.findall(text):
        if index:
            parts.append(index if index == _ALL else int(index))
        else:
            parts.append(quoted.replace('\\"', '"').replace("\\\\", "\\") if quoted else word)
    return tuple(parts)


def _places(path: values.Path, value: Any, before: values.Path) -> Iterator[values.Path]:
    """The paths in a value that a path with wildcards means."""
    if not path:
        yield before
        return
    part, rest = path[0], path[1:]
    if part == _ALL:
        parts: Iterable[str | int] = value if isinstance(value, dict) else ()
        parts = range(len(value)) if isinstance(value, list) else list(parts)
    else:
        parts = (part,)
    for each in parts:
        if (inside := _entry(value, each)) is not _MISSING:
            yield from _places(rest, inside, (*before, each))


def _contains(fields: Any, value: Any, path: values.Path) -> bool:
    """Whether a set of fields (FieldsV1) has a path of a manifest, or something in it."""
    if not path or not fields:
        # An entry without more inside owns all that is there.
        return True
    part, rest = path[0], path[1:]
    inside = _entry(value, part)
    if isinstance(part, str):
        key = f"f:{part}"
        return key in fields and _contains(fields[key], inside, rest)
    return any(_names(key, inside) and _contains(found, inside, rest) for key, found in fields.items())


def _names(key: str, element: Any) -> bool:
    """Whether a key of FieldsV1 (`k:{"name":"web"}`, `v:"x"`) names an element of a list."""
    kind, _, text = key.partition(":")
    if kind == "v":
        return bool(json.loads(text) == element)
    if kind != "k" or not isinstance(element, dict):
        return False
    return bool(json.loads(text).items() <= element.items())


def _entry(value: Any, part: str | int) -> Any:
    try:
        return value[part]
    except (KeyError, IndexError, TypeError):
        return _MISSING


def _at(live: Any, path: values.Path) -> Any:
    for part in path:
        live = _entry(live, part)
    return live


def _holder(sent: Any, path: values.Path) -> Any:
    for part in path[:-1]:
        sent = _entry(sent, part)
    return sent


def _remove(sent: Manifest, path: values.Path) -> None:
    holder = _holder(sent, path)
    if isinstance(holder, dict):
        holder.pop(path[-1], None)


def _put(sent: Manifest, path: values.Path, value: Any) -> None:
    holder = _holder(sent, path)
    if isinstance(holder, dict | list):
        holder[path[-1]] = copy.deepcopy(value)  # type: ignore[index] # a path fits its manifest
