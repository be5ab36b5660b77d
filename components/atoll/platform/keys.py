"""The keys of an inventory: what cannot be, and what each is once everything that was not said is filled in. Pure."""

import re
from collections.abc import Iterator
from typing import Any

from atoll.platform import inventory
from atoll.platform.declaration import Declaration, Key
from atoll.platform.tree import Path
from atoll.secrets import key_rules

_THROWAWAY = re.compile(r"(dev|test)(-\d+)?")
"""Environments that one engineer or one run of a pipeline makes and removes."""
_WHERE = {"rotationDays": "rotation", "deletionDays": "deletionWindow"}


def problems(declared: Declaration, environment: str) -> Iterator[tuple[Path, str]]:
    """What is wrong with keys beyond the shape of their values."""
    seen: dict[str, str] = {}
    for name, key in declared.keys.items():
        for failure in key_rules.problems(_inputs(environment, name, key)):
            yield ("keys", name, _WHERE.get(failure.name, failure.name)), failure.reason
        alias = _alias(environment, name, key)
        if alias in seen:
            text = f"found {alias!r}, the alias of keys.{seen[alias]}; expected one of its own"
            yield ("keys", name, "alias"), text
        seen.setdefault(alias, name)


def resolved(environment: str, name: str, key: Key, *, protect: bool) -> inventory.Key:
    """A key with all that was not said; where data is meant to stay, it is hard to lose.

    `protect` is what the environment says.
    """
    shared = not is_throwaway(environment)
    return inventory.Key(
        alias=_alias(environment, name, key),
        description=key.description,
        enabled=key.enabled,
        rotation=key.rotation,
        policy=key.policy,
        grants={
            each: inventory.Grant(
                **grant.model_dump(exclude={"operations"}), operations=tuple(grant.operations)
            )
            for each, grant in key.grants.items()
        },
        tags=key.tags,
        deletion_window=key.deletion_window,
        spec=key.spec,
        multi_region=key.multi_region,
        protect=shared or protect if key.protect is None else key.protect,
        retain=shared if key.retain is None else key.retain,
        existing=key.import_,
    )


def is_throwaway(environment: str) -> bool:
    """Whether one engineer or one run of a pipeline makes and removes it."""
    return bool(_THROWAWAY.fullmatch(environment))


def _alias(environment: str, name: str, key: Key) -> str:
    return f"atoll-{environment}-{name}" if key.alias is None else key.alias


def _inputs(environment: str, name: str, key: Key) -> dict[str, Any]:
    """What the rules of keys look at, by the names that they have there."""
    found: dict[str, Any] = {
        "alias": _alias(environment, name, key),
        "description": key.description,
        "tags": key.tags,
        "grants": {each: grant.model_dump() for each, grant in key.grants.items()},
        "spec": key.spec,
    }
    if key.rotation is not None:
        found["rotationDays"] = key.rotation.days
    return found if key.policy is None else {**found, "policy": key.policy}
