"""A sealed secret: which of its values must be opened, what is wrong with them, what tells its revisions. Pure."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from atoll.core import naming
from atoll.core.effect import Failure, Values
from atoll.core.errors import ArgsError
from atoll.secrets import generated, headers, message
from atoll.secrets.headers import Header
from atoll.secrets.message import Context

SHORTEST = 300
"""No sealed value is shorter in base64: its header alone takes more."""
IDENTITY = ("project", "environment", "name")
"""The inputs that a ciphertext is bound to."""


@dataclass(frozen=True)
class Bound:
    """What the values of one secret are bound to: each by a name of its own, so that no two can be exchanged."""

    project: str
    environment: str
    name: str

    @classmethod
    def of(cls, inputs: Values) -> Self:
        """What the inputs of a resource say."""
        return cls(*(inputs[each] for each in IDENTITY))

    def context(self, key: str) -> Context:
        """The context of the value of a key.

        Raises:
            ArgsError: no context can have such a name.
        """
        return Context(self.project, self.environment, f"{self.name}/{key}")


def problems(inputs: Values) -> Iterator[Failure]:
    """What does not fit, as far as it is known yet; no key is needed to see it, and no KMS is asked."""
    values = inputs.get("values") or {}
    given = [each for each in generated.CONTENTS if each in inputs]
    if len(given) > 1 or not all(inputs[each] for each in given):
        found = f"both {' and '.join(given)}" if len(given) > 1 else "an empty map"
        yield Failure(
            given[0], f"found {found}; expected sealed values, a file of SOPS, or lengths of generated ones"
        )
    for key, told in values.items():
        if unfit := naming.data_key_problem(key):
            yield Failure("values", f"found {key!r}; {unfit}")
        elif problem := _problem(inputs, key, told):
            yield Failure(f"values.{key}", problem)


def is_arn(key: str) -> bool:
    """Whether a key is named by its ARN, and not by an alias (which has one of another kind)."""
    return key.startswith("arn:") and ":key/" in key


def header(told: str) -> Header | None:
    """What a sealed value tells everybody; None where it is no such value."""
    try:
        return headers.read(message.binary(told))
    except ValueError:
        return None


def keys_of(told: str) -> tuple[str, ...]:
    """The keys that a sealed value names; none where it is no such value."""
    found = header(told)
    return found.keys if found else ()


def openers(inputs: Values) -> list[str]:
    """The ARNs of the keys that may open, the one that seals first; none where that is named by its alias."""
    key = inputs.get("key", "")
    return [key, *(inputs.get("retiring") or ())] if is_arn(key) else []


def _problem(inputs: Values, key: str, told: str) -> str | None:
    found = header(told)
    if found is None:
        # Whoever forgot to seal it has it in plain here: it is not shown.
        return "found no sealed value; expected what `atoll secrets seal` gives"
    if not all(each in inputs for each in IDENTITY):
        return None
    try:
        wanted = Bound.of(inputs).context(key)
    except ArgsError as error:
        return str(error)
    if found.context != wanted:
        return f"found a value sealed for {found.context}; expected one for {wanted} (it cannot be moved). Seal it anew"
    under = openers(inputs)
    if under and not {*under} & {*found.keys}:
        return (
            f"found a value sealed under {' and '.join(found.keys)}; expected one under {' or '.join(under)}. "
            f"Run: atoll secrets rewrap {wanted.environment}"
        )
    return None


def sources(inputs: Values) -> dict[str, str]:
    """By key, a digest of the ciphertext: it tells what must be opened again, and nothing of what it holds."""
    if "sops" in inputs:
        return {"sops": _digest(inputs["sops"]["text"])}
    # Spaces and line ends do not count.
    return {key: _digest("".join(told.split())) for key, told in sorted(inputs["values"].items())}


def revision(sources: Mapping[str, str], data: Mapping[str, str], outputs: Values) -> str:
    """What changes where the data do, and tells nothing of them: the digest of the first ciphertexts.

    What was sealed anew with the same plaintext, as under another key, keeps the old one: nothing that is delivered
    changes.
    """
    if outputs.get("revision") and outputs.get("data") == data:
        return str(outputs["revision"])
    return _digest(json.dumps(sources, sort_keys=True))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
