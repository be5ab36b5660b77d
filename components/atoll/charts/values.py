"""What values a chart takes: all that does not fit its values.schema.json, with the nearest name for a mistyped one.

No value is shown, since it may be secret. Pure.
"""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from atoll.helm import values as layers

if TYPE_CHECKING:
    from jsonschema import ValidationError

_KINDS = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "nothing",
    "number": "a number",
    "object": "a map",
    "string": "a text",
}
_BOUNDS = {
    "exclusiveMaximum": "a number below {}",
    "exclusiveMinimum": "a number above {}",
    "maxItems": "at most {} entries",
    "maxLength": "at most {} characters",
    "maxProperties": "at most {} names",
    "maximum": "at most {}",
    "minItems": "at least {} entries",
    "minLength": "at least {} characters",
    "minProperties": "at least {} names",
    "minimum": "at least {}",
    "multipleOf": "a multiple of {}",
    "pattern": "a text that matches {}",
}
_BRANCHES = frozenset({"anyOf", "oneOf"})


def complete(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What a chart is rendered with: its defaults under the given values, without what a null takes away."""
    return _without_nulls(layers.merged([defaults, given]))


def problems(schema: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    """What of the values a schema refuses, a line each in order of their places."""
    import jsonschema  # noqa: PLC0415 - it takes long to load, and only a chart with a schema needs it

    kind = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    found = {line for error in kind(schema).iter_errors(values) for line in _lines(error)}
    return sorted(found)


def _lines(error: "ValidationError") -> Iterator[str]:
    if error.validator in _BRANCHES and error.context:
        from jsonschema import exceptions  # noqa: PLC0415 - see `problems`

        # The branch that fits best is the one that was meant.
        yield from _lines(exceptions.best_match(_nearest(error.context)))
        return
    path = _dotted(error.absolute_path)
    schema: Any = error.schema
    wanted: Any = error.validator_value
    if error.validator == "required":
        for name in wanted:
            if isinstance(error.instance, dict) and name not in error.instance:
                yield f"{_dotted([*error.absolute_path, name])}: found none; expected {_described(schema, name)}"
    elif error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = sorted(schema.get("properties", {}))
        for name in sorted(error.instance.keys() - set(known)):
            yield f"{_dotted([*error.absolute_path, name])}: found an unknown name; {_near(name, known)}"
    else:
        yield f"{path}: found {_shape(error.instance)}; expected {_expected(error)}"


def _nearest(context: Iterable["ValidationError"]) -> Iterable["ValidationError"]:
    """The errors of the branch whose kind of value it is, where one is."""
    errors = list(context)
    typed = {error.schema_path[0] for error in errors if error.validator == "type" and not error.path}
    fitting = [error for error in errors if error.schema_path[0] not in typed]
    return fitting or errors


def _expected(error: "ValidationError") -> str:
    rule = str(error.validator)
    wanted: Any = error.validator_value
    if rule == "type":
        kinds = [wanted] if isinstance(wanted, str) else wanted
        return " or ".join(_KINDS[kind] for kind in kinds)
    if rule == "enum":
        return f"one of: {', '.join(map(str, wanted))}"
    if rule == "const":
        return str(wanted)
    if rule in _BOUNDS:
        return _BOUNDS[rule].format(wanted)
    told = error.schema.get("description") if isinstance(error.schema, Mapping) else None
    return str(told or f"what its schema says ({rule})")


def _described(schema: Mapping[str, Any], name: str) -> str:
    child = schema.get("properties", {}).get(name, {})
    told = str(child.get("description") or "").rstrip(".")
    return f"one ({told})" if told else "one"


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    expected = f"expected one of: {', '.join(known)}" if known else "expected none here"
    return expected + (f". Did you mean {near[0]!r}?" if near else "")


def _shape(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    for kind, word in ((dict, "a map"), (list, "a list"), (str, "a text"), (int | float, "a number")):
        if isinstance(value, kind):
            return word
    return "nothing"


def _dotted(path: Iterable[str | int]) -> str:
    text = "values"
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text


def _without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_nulls(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if value is not None
    }
