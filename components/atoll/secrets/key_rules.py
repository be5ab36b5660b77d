"""What an input of a key may hold. Pure.

Source: https://docs.aws.amazon.com/kms/latest/APIReference and
https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from atoll.core import tags
from atoll.core.effect import Failure, Values
from atoll.secrets import grants, keys, policies

ROTATION_DAYS = (90, 2560)
DELETION_DAYS = (7, 30)
MOST_TAGS = tags.MOST - len(keys.MARKS | keys.PLACE)
MOST_DESCRIPTION = 8192
MOST_ALIAS = 256 - len(keys.PREFIX)
_ALIAS = re.compile(r"[a-zA-Z0-9/_-]+")
_GRANT_NAME = re.compile(r"[a-zA-Z0-9:/_-]{1,250}")


def problems(inputs: Values) -> Iterator[Failure]:
    """The inputs that do not fit; those that are not there are not known yet or not given."""
    for name, problem in _PROBLEMS.items():
        if name in inputs and (found := problem(inputs[name])):
            yield Failure(name, found)
    if inputs.get("rotationDays") is not None and inputs.get("spec", keys.SYMMETRIC) != keys.SYMMETRIC:
        yield Failure(
            "rotationDays",
            f"found it with a {inputs['spec']} key; expected none (a KMS rotates symmetric keys)",
        )


def alias(value: Any) -> str | None:
    """What keeps a name from being an alias (without `alias/`), or None."""
    if not isinstance(value, str) or not _ALIAS.fullmatch(value) or value.startswith("aws/"):
        return f"found {value!r}; expected an alias: A-Z a-z 0-9 / _ -, not beginning with aws/"
    return (
        f"found {len(value)} characters; expected at most {MOST_ALIAS}" if len(value) > MOST_ALIAS else None
    )


def grant(name: str, value: Any) -> str | None:
    """What keeps a map from being a grant, or None."""
    if not _GRANT_NAME.fullmatch(name):
        return f"found the name {name!r}; expected A-Z a-z 0-9 : / _ -, at most 250"
    if not isinstance(value, Mapping) or not value.get("grantee"):
        return f"{name}: found no grantee; expected who gets it (an ARN)"
    operations = value.get("operations")
    if not isinstance(operations, (list, tuple)) or not operations:
        return f"{name}: found no operations; expected at least one"
    unknown = sorted(set(map(str, operations)) - grants.OPERATIONS)
    return (
        f"{name}: found {', '.join(unknown)}; expected operations such as Decrypt or Encrypt"
        if unknown
        else None
    )


def _grants(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return f"found {value!r}; expected a map by name"
    found = (grant(str(name), each) for name, each in value.items())
    return next((problem for problem in found if problem), None)


def _description(value: Any) -> str | None:
    fits = isinstance(value, str) and len(value) <= MOST_DESCRIPTION
    return None if fits else f"expected a text of at most {MOST_DESCRIPTION} characters"


def _within(limits: tuple[int, int]) -> Any:
    def problem(value: Any) -> str | None:
        fits = isinstance(value, int) and not isinstance(value, bool) and limits[0] <= value <= limits[1]
        return (
            None
            if fits
            else f"found {value!r}; expected a whole number of days from {limits[0]} to {limits[1]}"
        )

    return problem


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else f"found {value!r}; expected true or false"


def _spec(value: Any) -> str | None:
    return None if value in keys.USAGES else f"found {value!r}; expected one of: {', '.join(keys.USAGES)}"


_PROBLEMS = {
    "alias": alias,
    "description": _description,
    "enabled": _flag,
    "rotationDays": _within(ROTATION_DAYS),
    "deletionDays": _within(DELETION_DAYS),
    "policy": policies.problem,
    "grants": _grants,
    "tags": lambda value: tags.problem(value, MOST_TAGS),
    "spec": _spec,
    "multiRegion": _flag,
}
