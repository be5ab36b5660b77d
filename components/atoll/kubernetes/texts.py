"""Manifests as text, read as Kubernetes reads them. Pure."""

import re
from typing import Any

import yaml

from atoll.core.errors import ArgsError

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN_ONLY = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")


class _Loader(_LOADER):  # type: ignore[misc] # chosen while running
    """Reads YAML as Kubernetes does: dates are text, and so are yes, no, on and off."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the name and shape are PyYAML's
        first: [(tag, pattern) for tag, pattern in found if tag not in _PLAIN_ONLY]
        for first, found in _LOADER.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(_PLAIN_ONLY[1], re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF"))


def documents(text: str, source: str) -> list[Any]:
    """The documents of a YAML text, as they are.

    Raises:
        ArgsError: it is no YAML.
    """
    try:
        return list(yaml.load_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        # The parser's own words quote the text.
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise ArgsError(f"{source}: found no YAML{where}; expected manifests") from error
