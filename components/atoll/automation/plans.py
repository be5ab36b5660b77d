"""A plan: what it was made from, what it would do, and its file. Pure but for the file.

The file is JSON, for its owner alone. Secrets in it are what they are in the state: encrypted by the stack's own key in the
engine's plan, left out in the diff, and ciphertext below the digests.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from atoll.core import files
from atoll.core.errors import ArgsError, IntegrityError

FORMAT = 1
_SHOWN = 5
"""How many things of one kind are named; the rest is counted."""
_SHORT = 12
SECRETS = "secrets"
"""The part of a state that is the ciphertext of all its secrets."""
_SIGNATURE, _SECRET = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
"""How the engine marks a secret. Source: pulumi/pulumi, sdk/go/common/resource/sig/sig.go."""


@dataclass(frozen=True)
class Facts:
    """What a plan is made from.

    `commit` is empty outside of Git; `changed` are the digests of what differs from it, by path in the repository, and
    `settings` those of the files that say what the environment is, by path in the checkout. `state` are the digests of the
    state's resources by URN, and of its other parts. `versions` are those of what takes part, by name.
    """

    commit: str
    changed: Mapping[str, str]
    settings: Mapping[str, str]
    state: Mapping[str, str]
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """One plan of an environment. `changes` are as reports have them, `engine` is what the engine wrote."""

    environment: str
    made: str
    facts: Facts
    changes: list[dict[str, Any]]
    diff: list[str]
    engine: dict[str, Any]

    def write(self, path: Path) -> None:
        """Writes the plan to a file."""
        content = {"format": FORMAT, **asdict(self)}
        files.write_json(path, {**content, "digest": digest(content)})

    @classmethod
    def read(cls, path: Path, environment: str) -> Self:
        """The plan in a file.

        Raises:
            ArgsError: there is none, or it is of another environment.
            IntegrityError: it is not what was written.
        """
        again = f"Run: atoll plan {environment} --out {path}"
        try:
            content = dict(files.read_json(path) or {})
        except (ValueError, TypeError) as error:
            raise IntegrityError(f"{path}: found no plan in it; expected one. {again}") from error
        if not content:
            raise ArgsError(f"{path}: found no such file; expected a plan. {again}")
        told = content.pop("digest", None)
        if content.pop("format", None) != FORMAT or told != digest({"format": FORMAT, **content}):
            raise IntegrityError(
                f"{path}: found a plan that was changed or cut off; expected it whole. {again}"
            )
        if content["environment"] != environment:
            raise ArgsError(
                f"{path}: found a plan of {content['environment']}; expected one of {environment}."
            )
        return cls(**{**content, "facts": Facts(**content["facts"])})


def digest(value: Any) -> str:
    """The digest of a value, however its keys are ordered."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def state(deployment: Mapping[str, Any]) -> dict[str, str]:
    """The digests of a state's resources by URN (some have two: one waits for its end), and of its other parts.

    When it was written is no part of it, nor in which order. Each run of an engine encrypts every secret anew, so that all
    ciphertext is a part of its own: that another run wrote the state shows there, and what it changed at the resources.
    """
    kept: dict[str, list[str]] = {}
    ciphertexts: list[str] = []
    for resource in deployment.get("resources") or []:
        plain = _plain({**resource, **_sorted(resource)}, ciphertexts)
        kept.setdefault(resource["urn"], []).append(digest(plain))
    others = {
        name: digest(part) for name, part in deployment.items() if name not in {"manifest", "resources"}
    }
    found = {urn: digest(sorted(each)) for urn, each in kept.items()}
    return {**found, **others, SECRETS: digest(sorted(ciphertexts))}


def _plain(value: Any, ciphertexts: list[str]) -> Any:
    """A value without its secrets, whose ciphertexts are put aside."""
    if isinstance(value, list):
        return [_plain(each, ciphertexts) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get(_SIGNATURE) == _SECRET:
        ciphertexts.append(digest(value))
        return {_SIGNATURE: _SECRET}
    return {name: _plain(each, ciphertexts) for name, each in value.items()}


def _sorted(resource: Mapping[str, Any]) -> dict[str, Any]:
    """What a resource depends on, which each run writes in its own order."""
    of_properties = resource.get("propertyDependencies") or {}
    return {
        "dependencies": sorted(resource.get("dependencies") or []),
        "propertyDependencies": {name: sorted(urns or []) for name, urns in of_properties.items()},
    }


def moved(planned: Facts, found: Facts) -> list[str]:
    """One line for each kind of thing that is otherwise than when the plan was made, the differing ones named."""
    lines = []
    if planned.commit != found.commit:
        lines.append(f"commit: found {_short(found.commit)}; expected {_short(planned.commit)}")
    lines += [
        f"{path}: found {'another content' if path in found.settings else 'no such file'}; expected it as it was planned"
        for path in _differing(planned.settings, found.settings)
    ]
    known = {*planned.settings, *found.settings}
    elsewhere = [path for path in _differing(planned.changed, found.changed) if path not in known]
    if elsewhere:
        lines.append(f"checkout: found other changes to {_named(elsewhere)}; expected the planned ones")
    if parts := list(_parts(planned.state, found.state)):
        lines.append(f"state: found {_named(parts)}; expected it as it was planned (another run wrote it)")
    lines += [
        f"{name}: found {found.versions.get(name, 'none')}; expected {planned.versions.get(name, 'none')}"
        for name in _differing(planned.versions, found.versions)
    ]
    return lines


def _parts(planned: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    differing = _differing(planned, found)
    for name in differing:
        if name != SECRETS:
            kind, _, own = name.rpartition("::")
            short = kind.rpartition("::")[2].rpartition("$")[2].rpartition(":")[2]
            what = "gone" if name not in found else "changed" if name in planned else "new"
            yield f"{short} {own} {what}".strip()
    if differing == [SECRETS]:
        yield "its secrets encrypted anew"


def _differing(planned: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    return [name for name in sorted({*planned, *found}) if planned.get(name) != found.get(name)]


def _named(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _short(commit: str) -> str:
    return commit[:_SHORT] or "none"
