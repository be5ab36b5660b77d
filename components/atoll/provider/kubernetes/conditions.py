"""The annotation `pulumi.com/waitFor`: what a program itself calls ready. Pure.

Source: https://www.pulumi.com/registry/packages/kubernetes/#annotations: `jsonpath={...}[=value]`,
`condition=Type[=Status]`, or a JSON array of these.
"""

import json
import re
from functools import partial
from typing import Any

from atoll.core.errors import ArgsError
from atoll.provider.kubernetes import annotations, readiness
from atoll.provider.kubernetes.manifests import Manifest

_PATH = "jsonpath="
_CONDITION = "condition="
_EXPRESSION = re.compile(r"\{\s*(?P<path>.*?)\s*\}(?:=(?P<value>.+))?", re.DOTALL)


def parse(manifest: Manifest) -> readiness.Rule | None:
    """The rule that a manifest's annotation spells, or None where it has none.

    Raises:
        ArgsError: the annotation cannot be read.
    """
    written = annotations.value(manifest, annotations.WAIT_FOR)
    if not written:
        return None
    rules = [_rule(expression) for expression in _expressions(written)]
    if not rules:
        raise _unreadable(written, "no expression")
    return partial(_all, rules)


def _expressions(written: str) -> list[str]:
    if not written.lstrip().startswith("["):
        return [written]
    try:
        found = json.loads(written)
    except ValueError as error:
        raise _unreadable(written, "no JSON array") from error
    return [str(entry) for entry in found]


def _all(rules: list[readiness.Rule], live: Manifest) -> readiness.Verdict:
    verdicts = (rule(live) for rule in rules)
    return next((verdict for verdict in verdicts if not verdict.ready), readiness.READY)


def _rule(expression: str) -> readiness.Rule:
    if expression.startswith(_CONDITION):
        kind, _, status = expression.removeprefix(_CONDITION).partition("=")
        return partial(_condition, kind, status or "True")
    if expression.startswith(_PATH):
        return _path_rule(expression)
    raise _unreadable(expression, "neither jsonpath= nor condition=")


def _condition(kind: str, status: str, live: Manifest) -> readiness.Verdict:
    found = readiness.condition(live, kind)
    if not found:
        return readiness.waiting(f"has no condition {kind}")
    if found.get("observedGeneration", _observed(live)) < _generation(live):
        return readiness.waiting(f"condition {kind} is of an older generation")
    if str(found.get("status", "")).lower() != status.lower():
        return readiness.waiting(f"condition {kind} is {found.get('status')}, not {status}")
    return readiness.READY


def _path_rule(expression: str) -> readiness.Rule:
    # Imported only where an annotation asks for it: a plugin must start fast.
    import jsonpath  # noqa: PLC0415 - see above

    match = _EXPRESSION.fullmatch(expression.removeprefix(_PATH))
    if match is None:
        raise _unreadable(expression, "no path in braces")
    path = match["path"] if match["path"].startswith("$") else f"${match['path']}"
    try:
        query = jsonpath.compile(path)
    except jsonpath.JSONPathError as error:
        raise _unreadable(expression, str(error).splitlines()[0]) from error
    return partial(_path, query, match["path"], match["value"])


def _path(query: Any, path: str, value: str | None, live: Manifest) -> readiness.Verdict:
    if _observed(live) < _generation(live):
        return readiness.waiting("its status is of an older generation")
    found = query.findall(live)
    if not found:
        return readiness.waiting(f"{path} selects nothing")
    if value is None or _text(found[0]) == value:
        return readiness.READY
    if isinstance(found[0], (dict, list)):
        return readiness.hopeless(f"{path} is no single value, and can never be {value}")
    return readiness.waiting(f"{path} is {_text(found[0])}, not {value}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _generation(live: Manifest) -> int:
    return int(live.get("metadata", {}).get("generation", 0))


def _observed(live: Manifest) -> int:
    """The generation that the status speaks of; a kind that does not say is taken at its word."""
    status = live.get("status")
    return (
        int(status.get("observedGeneration", _generation(live)))
        if isinstance(status, dict)
        else _generation(live)
    )


def _unreadable(written: str, why: str) -> ArgsError:
    return ArgsError(
        f"{annotations.WAIT_FOR}: found {written!r} ({why}); "
        "expected jsonpath={.path}=value, jsonpath={.path}, condition=Type=Status, or a JSON array of these"
    )
