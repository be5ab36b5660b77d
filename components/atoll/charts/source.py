"""Where a chart comes from, pinned: by its digest, by its version in a repository, or by its path. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NotRequired, TypedDict

from atoll.core.errors import ArgsError
from atoll.helm import Chart, Login
from atoll.helm.charts import OCI

_PINNED = re.compile(r"oci://[^@\s]+@sha256:[0-9a-f]{64}")
_EXACT = re.compile(
    r"v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)
"""Source: https://semver.org; Helm allows the v."""
_WAYS = ("oci", "repository", "path")
NAMED = ("oci", "repository", "chart", "version", "path")
"""The fields that name a chart."""


class ChartLogin(TypedDict):
    """Who asks a registry or a repository."""

    username: Any
    """The name; an input."""
    password: Any
    """The password; an input, and better a secret one."""


class ChartSource(TypedDict):
    """A chart: `oci`, or `repository` with `chart` and `version`, or `path`."""

    oci: NotRequired[Any]
    """Its address in a registry by digest: `oci://HOST/NAME@sha256:...`; an input."""
    repository: NotRequired[str]
    """The address of a repository (https://...)."""
    chart: NotRequired[str]
    """Its name in the repository."""
    version: NotRequired[str]
    """Its version there; an exact one, since a range means another chart on another day."""
    path: NotRequired[str]
    """Its folder or archive on this machine."""
    login: NotRequired[ChartLogin]
    """Who asks, where not everybody may."""
    authority: NotRequired[str]
    """The file of the certificates that the registry or repository is trusted by, beside those of the system."""


def problems(source: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with a source: the field, and the text for it."""
    ways = [way for way in _WAYS if source.get(way)]
    if len(ways) != 1:
        found = " and ".join(ways) or "none"
        yield "", f"found {found}; expected one of oci, repository (with chart and version), path"
        return
    # What is an output is looked at once it is known.
    if isinstance(source.get("oci"), str) and source["oci"] and not _PINNED.fullmatch(source["oci"]):
        yield (
            "oci",
            f"found {source['oci']!r}; expected oci://HOST/NAME@sha256:... (what is not named by its digest may be "
            "another chart tomorrow). The digest is told by: helm show chart " + str(source["oci"]),
        )
    listed = ways == ["repository"]
    for field in ("chart", "version"):
        if listed and not source.get(field):
            yield field, f"found none; expected the chart's {'name' if field == 'chart' else 'exact version'}"
        elif not listed and source.get(field):
            yield field, f"found {source[field]!r} beside {ways[0]}; expected it with a repository alone"
    if listed and source.get("version") and not _EXACT.fullmatch(str(source["version"])):
        yield "version", f"found {source['version']!r}; expected an exact version (1.2.3), and no range"
    if ways == ["path"] and source.get("login"):
        yield "login", "found one beside path; expected it with a registry or a repository"


def require(source: Mapping[str, Any], where: str) -> None:
    """Refuses a source that is wrong.

    Raises:
        ArgsError: all that is wrong with it, a line each.
    """
    found = [f"{where}{f'.{field}' if field else ''}: {text}" for field, text in problems(source)]
    if found:
        raise ArgsError(*found)


def reference(source: Mapping[str, Any]) -> str:
    """The chart as helm calls it."""
    return str(source.get("oci") or source.get("chart") or source.get("path"))


def is_pinned(source: Mapping[str, Any]) -> bool:
    """Whether what lies there cannot change."""
    return str(source.get("oci", "")).startswith(OCI)


def chart(source: Mapping[str, Any], authority: str = "") -> Chart:
    """The chart for the helm program; `authority` is PEM."""
    login = source.get("login")
    return Chart(
        reference(source),
        str(source.get("version") or ""),
        str(source.get("repository") or ""),
        Login(str(login["username"]), str(login["password"])) if login else None,
        authority,
    )
