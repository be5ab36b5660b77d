"""A file of SOPS as a sealed secret: what is wrong with it without a key, and the data that it becomes. Pure."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from atoll.core import naming
from atoll.core.effect import Failure, Values
from atoll.core.errors import RefusedError
from atoll.secrets import sealed, sops_forms
from atoll.secrets.sops_forms import Form, Tree


def of(inputs: Values) -> tuple[str, Form]:
    """The file that the inputs hold."""
    return inputs["sops"]["text"], Form(inputs["sops"]["form"])


def problems(inputs: Values) -> Iterator[Failure]:
    """What does not fit, as far as it is known yet."""
    if "sops" not in inputs:
        return
    try:
        tree, told = sops_forms.read(*of(inputs))
    except (ValueError, KeyError):
        tree, told = {}, None
    if told is None:
        # What is no file of SOPS may be one in plain: it is not shown.
        yield Failure("sops", "found a file that sops did not encrypt; expected one that it did")
        return
    for key, value in tree.items():
        if problem := _unfit(key, value):
            yield Failure("sops", problem)
    for entry in sops_forms.entries(told):
        yield from _strangers(inputs, entry)
    under, arns = sealed.openers(inputs), sops_forms.arns(told)
    if under and not {*under} & {*arns}:
        found = " and ".join(arns) or "no key of AWS KMS"
        yield Failure(
            "sops",
            f"found a file under {found}; expected one under {' or '.join(under)}. "
            f"Run: sops rotate --add-kms {under[0]}",
        )


def keys_of(text: str, form: Form) -> list[str]:
    """The ARNs of the keys of AWS KMS that open a file; none where it is no file of SOPS."""
    try:
        _, told = sops_forms.read(text, form)
    except (ValueError, KeyError):
        return []
    return sops_forms.arns(told or {})


def _unfit(key: str, value: Any) -> str | None:
    if unfit := naming.data_key_problem(key):
        return f"found {key!r}; {unfit}"
    if isinstance(value, (dict, list)):
        return f"found more below {key!r}; expected text, a number or true/false for each key"
    return None


def _strangers(inputs: Values, entry: Tree) -> Iterator[Failure]:
    """What a key's context says that is not so here. What it does not say, it does not bind to."""
    context = entry.get("context")
    for name in sealed.IDENTITY:
        bound = context.get(name) if isinstance(context, dict) else None
        if bound is not None and name in inputs and bound != inputs[name]:
            yield Failure(
                "sops",
                f"found a file for the {name} {bound!r}; expected {inputs[name]!r} (it cannot be moved)",
            )


def data(tree: Tree, what: str) -> dict[str, str]:
    """The data of a Secret, from the keys of a file in plain."""
    for key, value in tree.items():
        if problem := _unfit(key, value):
            raise RefusedError(f"{what}: {problem}.")
    return {key: base64.b64encode(_text(value).encode()).decode() for key, value in tree.items()}


def _text(value: Any) -> str:
    """A value as the text that it stands for; sops makes every number of a JSON file one with a fraction."""
    if isinstance(value, str) or value is None:
        return value or ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return json.dumps(value)
