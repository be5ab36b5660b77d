"""The data key of a SOPS file, wrapped under keys of AWS KMS: which ones, and the same file with others. Pure.

sops itself does no more where it takes keys to a file and from it (`updatekeys`): values and MAC stay as they are.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from atoll.secrets import sops_forms
from atoll.secrets.sops_forms import Form


@dataclass(frozen=True)
class Wrap:
    """The data key as one key of the KMS wrapped it (base64), for a context."""

    arn: str
    wrapped: str
    context: Mapping[str, str] = field(default_factory=dict, hash=False)


def wraps(text: str, form: Form, arns: Collection[str]) -> list[Wrap]:
    """What a file has under some keys; nothing where sops did not write it."""
    try:
        _, told = sops_forms.read(text, form)
    except (ValueError, KeyError):
        return []
    return [
        Wrap(entry["arn"], str(entry.get("enc")), entry.get("context") or {})
        for entry in sops_forms.entries(told or {})
        if entry.get("arn") in arns
    ]


def replaced(text: str, form: Form, others: Mapping[Wrap, Wrap]) -> str:
    """The file with other wraps in the places of some; when they were made and everything else stays as it is.

    Raises:
        ValueError: it is not written so that they can be told from everything else.
    """
    found = text
    for old, new in others.items():
        for was, becomes in ((old.arn, new.arn), (old.wrapped, new.wrapped)):
            if text.count(was) != 1:
                raise ValueError("not to be told from the rest")
            found = found.replace(was, becomes)
    values, told = sops_forms.read(text, form)
    for entry in sops_forms.entries(told or {}):
        for old, new in others.items():
            if entry.get("arn") == old.arn:
                entry |= {"arn": new.arn, "enc": new.wrapped}
    if sops_forms.read(found, form) != (values, told):
        raise ValueError("more than that would change")
    return found
