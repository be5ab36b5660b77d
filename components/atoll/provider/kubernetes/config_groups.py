"""A yaml.v2.ConfigGroup: the objects of texts, files and values."""

from collections.abc import Iterator, Mapping
from glob import glob
from pathlib import Path
from typing import Any

from atoll.core.errors import ArgsError
from atoll.provider import values
from atoll.provider.kubernetes import groups
from atoll.provider.kubernetes.construct import Construction
from atoll.provider.kubernetes.groups import Member

_INPUTS = ("yaml", "files", "objs", "resourcePrefix", "skipAwait")
_IDENTITY_FIELDS = ("apiVersion", "kind")


class ConfigGroup(Construction):
    """One group while its children are made."""

    def is_unknown(self) -> bool:
        """Whether its objects cannot be told yet; fields of them may be unknown."""
        return any(_is_unknown(self.args.value.get(name)) for name in _INPUTS)

    def members(self) -> Iterator[Member]:
        """The objects of all its inputs, in their order."""
        args, secrets = self.args.value, self.args.secrets
        for path in _files(args.get("files") or []):
            yield from groups.parsed(_text(path), path)
        yield from groups.parsed(args.get("yaml") or "", "yaml", secret=("yaml",) in secrets)
        for index, entry in enumerate(args.get("objs") or []):
            yield from groups.expanded(entry, f"objs[{index}]", groups.within(secrets, ("objs", index)))


def _is_unknown(value: Any) -> bool:
    if isinstance(value, list):
        return any(_is_unknown(entry) for entry in value)
    if isinstance(value, dict):
        metadata = value.get("metadata")
        names = [value.get(field) for field in _IDENTITY_FIELDS] + [metadata]
        if isinstance(metadata, Mapping):
            names += [metadata.get("name"), metadata.get("namespace")]
        return values.UNKNOWN in names
    return bool(value == values.UNKNOWN)


def _files(patterns: list[str]) -> Iterator[str]:
    for pattern in patterns:
        if "://" in pattern:
            raise ArgsError(f"files: found {pattern!r}; expected a path (the stand-in downloads nothing)")
        # What is no pattern is taken as it is, so that a missing file is told.
        yield from sorted(glob(pattern)) or [pattern]  # noqa: PTH207 - Path.glob takes no absolute pattern


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ArgsError(f"files: found {path!r} ({error.strerror}); expected a readable file") from error
