"""The rules for Chart.yaml. Pure.

Source: https://helm.sh/docs/topics/charts (fields), https://helm.sh/docs/chart_best_practices/conventions (names),
https://artifacthub.io/docs/topics/repositories/helm-charts (what a package is shown with).
"""

import difflib
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from atoll.charts.findings import Finding, Path, Rule, Text, shown

API_VERSION = "v2"
LIBRARY = "library"
_TYPES = ("application", LIBRARY)
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,51}[a-z0-9])?")
"""At most 53 characters, as a release's name: more and what is named after it does not fit into a label."""
_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?"
    r"(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?",
    re.ASCII,
)
"""Source: https://semver.org, the suggested regular expression."""

_FIELDS = (
    "apiVersion",
    "name",
    "version",
    "kubeVersion",
    "description",
    "type",
    "keywords",
    "home",
    "sources",
    "dependencies",
    "maintainers",
    "icon",
    "appVersion",
    "deprecated",
    "annotations",
    "tags",
    "condition",
)
_Problem = tuple[Rule, Path, str]


def problems(chart: Text, folder: str) -> list[Finding]:
    """What is wrong with a Chart.yaml; `folder` is the name of the folder that it lies in."""
    if not isinstance(chart.value, dict):
        return [chart.finding(Rule.METADATA, (), f"found {shown(chart.value)}; expected a map")]
    found = (
        *_unknown(chart.value),
        *_kind(chart.value, folder),
        *_versions(chart.value),
        *_told(chart.value),
    )
    return [chart.finding(rule, path, text) for rule, path, text in found]


def is_semver(text: Any) -> bool:
    """Whether it is a version in the sense of SemVer 2."""
    return isinstance(text, str) and bool(_SEMVER.fullmatch(text))


def _unknown(chart: dict[str, Any]) -> Iterator[_Problem]:
    for name in chart:
        if name not in _FIELDS:
            near = difflib.get_close_matches(str(name), _FIELDS, 1)
            hint = f". Did you mean {near[0]!r}?" if near else ""
            yield Rule.METADATA, (name,), f"found a field that no chart has; expected one of them{hint}"


def _kind(chart: dict[str, Any], folder: str) -> Iterator[_Problem]:
    if chart.get("apiVersion") != API_VERSION:
        yield (
            Rule.METADATA,
            ("apiVersion",),
            f"found {shown(chart.get('apiVersion'))}; expected {API_VERSION}",
        )
    name = chart.get("name")
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        expected = "a-z, 0-9 and '-', beginning and ending with a letter or digit, at most 53 characters"
        yield Rule.METADATA, ("name",), f"found {shown(name)}; expected {expected}"
    elif name != folder:
        yield Rule.METADATA, ("name",), f"found {name!r}; expected the name of its folder, {folder!r}"
    if (kind := chart.get("type", _TYPES[0])) not in _TYPES:
        yield Rule.METADATA, ("type",), f"found {shown(kind)}; expected {' or '.join(_TYPES)}"


def _versions(chart: dict[str, Any]) -> Iterator[_Problem]:
    """The chart's version and its application's are independent: the one is SemVer, the other any text."""
    if not is_semver(version := chart.get("version")):
        yield (
            Rule.VERSION,
            ("version",),
            f"found {shown(version)}; expected a version of SemVer 2, as in 1.2.3",
        )
    application = chart.get("appVersion", "")
    if not isinstance(application, str):
        # What YAML reads as a number loses its end: 1.10 is 1.1.
        yield Rule.APP_VERSION, ("appVersion",), f"found {shown(application)}; expected text. Quote it"
    elif application == "latest":
        yield Rule.APP_VERSION, ("appVersion",), "found 'latest'; expected a version, which tells what runs"


def _told(chart: dict[str, Any]) -> Iterator[_Problem]:
    """What somebody reads who looks for a chart. An icon may be left out."""
    if not (isinstance(chart.get("description"), str) and chart["description"].strip()):
        yield Rule.METADATA, ("description",), "found nothing; expected a sentence on what it is for"
    if not _is_address(chart.get("home")):
        yield (
            Rule.METADATA,
            ("home",),
            f"found {shown(chart.get('home'))}; expected the address of its home page",
        )
    if "icon" in chart and not _is_address(chart["icon"]):
        yield (
            Rule.METADATA,
            ("icon",),
            f"found {shown(chart['icon'])}; expected the address of a picture, or none",
        )
    people = chart.get("maintainers")
    if not (isinstance(people, list) and people):
        yield Rule.METADATA, ("maintainers",), f"found {shown(people)}; expected a list of who looks after it"
        return
    for index, person in enumerate(people):
        yield from _person(("maintainers", index), person)


def _person(path: Path, person: Any) -> Iterator[_Problem]:
    if not isinstance(person, dict) or not person.get("name"):
        yield Rule.METADATA, (*path, "name"), "found nothing; expected a name"
    elif "@" not in str(person.get("email", "")) and not _is_address(person.get("url")):
        yield (
            Rule.METADATA,
            path,
            "found neither email nor url; expected one of them, by which somebody is reached",
        )


def _is_address(text: Any) -> bool:
    found = urlsplit(text) if isinstance(text, str) else None
    return found is not None and found.scheme in {"http", "https"} and bool(found.netloc)
