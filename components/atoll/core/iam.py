"""IAM policies of keys, repositories and the like: what two texts have in common when they mean the same. Pure.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
import re
from typing import Any

_ROOT = re.compile(r"arn:[\w-]+:iam::(\d{12}):root")
_LISTS = ("Action", "NotAction", "Resource", "NotResource")
_PRINCIPALS = ("Principal", "NotPrincipal")


def problem(policy: Any, most_bytes: int) -> str | None:
    """What keeps a policy from being one, or None; what the service alone can tell is left to it."""
    try:
        read = json.loads(policy) if isinstance(policy, str) else policy
    except ValueError as error:
        return f"found text that is no JSON ({error}); expected a policy"
    if not isinstance(read, dict) or not _statements(read):
        return "found no statements; expected a policy (a map with Version and Statement)"
    if not all(
        isinstance(each, dict) and each.get("Effect") in {"Allow", "Deny"} for each in _statements(read)
    ):
        return "found a statement without an effect; expected Allow or Deny in each"
    if len(text(read).encode()) > most_bytes:
        return f"found {len(text(read).encode())} bytes; expected at most {most_bytes}"
    return None


def text(policy: Any) -> str:
    """A policy as it is sent."""
    return policy if isinstance(policy, str) else json.dumps(policy, separators=(",", ":"))


def same(one: Any, other: Any) -> bool:
    """Whether two policies mean the same; what is no policy is compared as it is."""
    return bool(one == other or meaning(one) == meaning(other))


def meaning(policy: Any) -> Any:
    """A policy in the one form that all texts of the same meaning have.

    The order of statements, actions, resources and principals, one value or a list of one, the case of actions and
    condition keys, an account's number or its root: none of these changes what a policy says.
    """
    try:
        read = json.loads(policy) if isinstance(policy, str) else policy
    except ValueError:
        return policy
    if not isinstance(read, dict):
        return read
    statements = [_statement(each) for each in _statements(read)]
    return {
        **read,
        "Statement": sorted(statements, key=lambda each: json.dumps(each, sort_keys=True, default=str)),
    }


def _statements(policy: dict[str, Any]) -> list[Any]:
    found = policy.get("Statement")
    return found if isinstance(found, list) else [found] if found else []


def _statement(statement: Any) -> Any:
    if not isinstance(statement, dict):
        return statement
    found = dict(statement)
    for key in _LISTS:
        if key in found:
            words = _texts(found[key])
            found[key] = sorted({word.lower() for word in words} if key.endswith("Action") else words)
    for key in _PRINCIPALS:
        if key in found:
            found[key] = _principals(found[key])
    if "Condition" in found:
        found["Condition"] = _conditions(found["Condition"])
    return found


def _texts(value: Any) -> set[str]:
    values = value if isinstance(value, list) else [value]
    return {str(each).lower() if isinstance(each, bool) else str(each) for each in values}


def _principals(value: Any) -> Any:
    if value == "*":
        value = {"AWS": "*"}
    if not isinstance(value, dict):
        return value
    return {kind: sorted({_principal(each) for each in _texts(names)}) for kind, names in value.items()}


def _principal(name: str) -> str:
    """Who is meant: an account's root is the account's number."""
    root = _ROOT.fullmatch(name)
    return root.group(1) if root else name


def _conditions(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {operator: _tests(tests) for operator, tests in value.items()}


def _tests(value: Any) -> Any:
    return (
        {key.lower(): sorted(_texts(each)) for key, each in value.items()}
        if isinstance(value, dict)
        else value
    )
