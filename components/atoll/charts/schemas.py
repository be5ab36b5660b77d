"""The rules for values.schema.json, and for values.yaml beside it. Pure."""

import difflib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import yaml

from atoll.charts import findings
from atoll.charts.findings import SCHEMA, VALUES, Finding, Path, Rule, Text, shown

if TYPE_CHECKING:
    from jsonschema import ValidationError

_GLOBAL = "global"
"""What helm hands to every part of a chart, known to its schema or not."""


def problems(schema: str | None, values: str | None) -> list[Finding]:
    """What is wrong with a schema, and with default values that it does not speak of; None is a file that is not there."""
    if schema is None:
        return [
            Finding(SCHEMA, 0, "found no file; expected a JSON schema of the chart's values", Rule.SCHEMA)
        ]
    try:
        found = json.loads(schema)
    except json.JSONDecodeError as error:
        return [
            Finding(SCHEMA, error.lineno, f"found no JSON ({error.msg}); expected a JSON schema", Rule.SCHEMA)
        ]
    text = Text(SCHEMA, schema)
    wrong = [text.finding(Rule.SCHEMA, path, told) for path, told in _schema(found)]
    return wrong if wrong or values is None else [*_values(found, values)]


def _schema(schema: Any) -> Iterator[tuple[Path, str]]:
    if not isinstance(schema, dict):
        yield (), f"found {shown(schema)}; expected a map"
        return
    if "$schema" not in schema:
        yield (), "found no $schema; expected the address of the JSON schema draft that it is written in"
    import jsonschema  # noqa: PLC0415 - it loads for a while, and most commands need none

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    for error in sorted(
        kind(kind.META_SCHEMA).iter_errors(schema), key=lambda each: list(map(str, each.path))
    ):
        yield (
            tuple(error.absolute_path),
            f"found {shown(error.instance)}; expected a JSON schema ({_said(error)})",
        )
    if not isinstance(schema.get("properties"), dict):
        yield ("properties",), "found none; expected one for each value"
    for path, target in _references(schema, ()):
        yield (
            path,
            f"found {shown(target)}; expected a part of this file, as in #/$defs/name (who installs it may reach nothing else)",
        )


def _said(error: "ValidationError") -> str:
    return error.message if len(error.message) < _LONG else f"by {error.validator} of its draft"


_LONG = 120


def _references(schema: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """References to what is not in the file."""
    steps = (
        schema.items() if isinstance(schema, dict) else enumerate(schema) if isinstance(schema, list) else ()
    )
    for step, child in steps:
        if step == "$ref" and not str(child).startswith("#"):
            yield (*path, step), child
        yield from _references(child, (*path, step))


def _values(schema: dict[str, Any], values: str) -> Iterator[Finding]:
    try:
        text = Text(VALUES, values)
    except yaml.YAMLError as error:
        yield findings.unreadable(VALUES, error, Rule.SCHEMA)
        return
    if text.value is not None and not isinstance(text.value, dict):
        yield text.finding(Rule.SCHEMA, (), f"found {shown(text.value)}; expected a map")
        return
    for path, known in _unknown(schema, text.value or {}, ()):
        near = difflib.get_close_matches(str(path[-1]), known, 1)
        hint = f". Did you mean {near[0]!r}?" if near else ""
        yield text.finding(
            Rule.SCHEMA, path, f"found a value that {SCHEMA} does not know; expected it there{hint}"
        )


def _unknown(schema: dict[str, Any], values: Any, path: Path) -> Iterator[tuple[Path, list[str]]]:
    """Keys of the values that no schema speaks of; a map whose keys are the user's is not looked into."""
    known = schema.get("properties")
    if not (isinstance(known, dict) and isinstance(values, dict)):
        return
    for key, child in values.items():
        if key in known:
            yield from _unknown(known[key] if isinstance(known[key], dict) else {}, child, (*path, key))
        elif not (
            schema.get("additionalProperties")
            or schema.get("patternProperties")
            or (*path, key) == (_GLOBAL,)
        ):
            yield (*path, key), list(known)
