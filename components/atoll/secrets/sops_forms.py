"""The files that sops writes, as trees: YAML, JSON and dotenv. Pure.

Scalars read as sops reads them (YAML 1.2, but 0644 is octal), for its MAC is over what they mean.
Source: github.com/getsops/sops v3.13, stores/.
"""

import json
import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any, assert_never

import yaml

from atoll.core.errors import ArgsError

Tree = dict[str, Any]
_DEPTH = 100
_TAGS = {f"tag:yaml.org,2002:{name}": name for name in ("str", "int", "float", "bool", "null")}
_WORDS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("~", "null", "Null", "NULL", ""), None),
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|0o[0-7_]+|0b[01_]+)")
_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_BASE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PREFIX = "sops_"
_STEP = re.compile(r"__(map|list)_")


class Form(StrEnum):
    """What a file is written in."""

    YAML = "yaml"
    JSON = "json"
    DOTENV = "dotenv"

    @classmethod
    def of(cls, name: str) -> "Form":
        """The form of a file by the end of its name.

        Raises:
            ArgsError: it is none of the three.
        """
        for form, ends in _ENDS.items():
            if name.endswith(ends):
                return form
        raise ArgsError(f"{name}: found no file that can be read; expected .yaml, .yml, .json or .env")


_ENDS = {Form.YAML: (".yaml", ".yml"), Form.JSON: (".json",), Form.DOTENV: (".env",)}
ENDS = tuple(end for ends in _ENDS.values() for end in ends)
"""How the name of a file ends that can be read."""


def read(text: str, form: Form) -> tuple[Tree, Tree | None]:
    """What a file holds, and what sops says of it; None where sops says nothing.

    Raises:
        ValueError: it is not written as sops writes.
    """
    match form:
        case Form.YAML:
            tree = _yaml(text)
        case Form.JSON:
            tree = _json(text)
        case Form.DOTENV:
            return _dotenv(text)
        case _:
            assert_never(form)
    told = tree.pop("sops", None)
    if told is not None and not isinstance(told, dict):
        raise ValueError("what sops says is no map")
    return tree, told


def entries(told: Tree) -> list[Tree]:
    """The keys of AWS KMS that what sops says of a file names."""
    found = told.get("kms")
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def arns(told: Tree) -> list[str]:
    """Their ARNs."""
    return [str(entry.get("arn")) for entry in entries(told)]


def _json(text: str) -> Tree:
    try:
        tree = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    return _map(tree)


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _once(pairs: list[tuple[str, Any]]) -> Tree:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _map(tree: Any) -> Tree:
    if not isinstance(tree, dict):
        raise ValueError("no map")  # noqa: TRY004 - the caller tells of values alone
    return tree


def _yaml(text: str) -> Tree:
    """From the parser's events, which take no stack, and without aliases, of which sops writes none."""
    try:
        events: Iterator[Any] = yaml.parse(text, Loader=_BASE)
        documents = [*_documents(events)]
    except yaml.YAMLError as error:
        raise ValueError("no YAML") from error
    if len(documents) != 1:
        raise ValueError("not one document")
    return _map(documents[0])


def _documents(events: Iterator[Any]) -> Iterator[Any]:
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            yield _node(next(events), events, 0)


def _node(event: Any, events: Iterator[Any], depth: int) -> Any:
    if depth > _DEPTH:
        raise ValueError("nested too deep")
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    if isinstance(event, yaml.SequenceStartEvent):
        items = []
        while not _ends(each := next(events)):
            items.append(_node(each, events, depth + 1))
        return items
    if isinstance(event, yaml.MappingStartEvent):
        return _mapping(events, depth)
    raise ValueError("an alias")


def _mapping(events: Iterator[Any], depth: int) -> Tree:
    pairs = []
    while not _ends(event := next(events)):
        key = _node(event, events, depth + 1)
        if not isinstance(key, str):
            raise ValueError("a key that is no text")  # noqa: TRY004 - the caller tells of values alone
        pairs.append((key, _node(next(events), events, depth + 1)))
    return _once(pairs)


def _ends(event: Any) -> bool:
    return isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent))


def _scalar(event: Any) -> Any:
    if event.implicit[0]:
        return _meant(event.value)
    if event.tag is None or event.tag == "!":
        return event.value
    return _READ[_TAGS[event.tag]](event.value) if event.tag in _TAGS else _strange(event.tag)


def _strange(tag: str) -> None:
    raise ValueError(f"the tag {tag}")


def _meant(text: str) -> Any:
    """What a plain scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(text):
        return int(digits, 0)
    if _OCTAL.fullmatch(text):
        return int(digits, 8)
    if _FLOAT.fullmatch(text):
        return float(text)
    if found := _INFINITY.fullmatch(text):
        return float(f"{found[1]}inf")
    return float("nan") if text in {".nan", ".NaN", ".NAN"} else text


_READ: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": _meant,
    "float": float,
    "bool": _meant,
    "null": _meant,
}
"""What a tag that is written out means; sops writes `!!float 1`."""


def _dotenv(text: str) -> tuple[Tree, Tree | None]:
    pairs = []
    for line in text.split("\n"):
        if line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            if not equals:
                raise ValueError("a line that sets nothing")
            pairs.append((name, value.replace("\\n", "\n")))
    values = _once(pairs)
    told = {name: values.pop(name) for name in [*values] if name.startswith(_PREFIX)}
    return values, _unfolded(told) if told else None


def _unfolded(flat: dict[str, str]) -> Tree:
    """The tree of names such as `sops_kms__list_0__map_arn`."""
    root: Tree = {}
    for name, value in flat.items():
        *above, last = _STEP.split(name.removeprefix(_PREFIX))[::2]
        place = root
        for step in above:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise ValueError("a name both of a value and of a map")  # noqa: TRY004 - as above
        place[last] = value
    return {**root, "kms": [*root["kms"].values()]} if isinstance(root.get("kms"), dict) else root
