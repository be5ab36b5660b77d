"""The rules for a chart's dependencies: locked by version in Chart.lock, vendored, archives by digest. Pure."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from atoll.charts import metadata
from atoll.charts.findings import CHART, LOCK, Finding, Rule, Text, shown

DIGESTS = "atoll.dev/dependencies"
"""The annotation of Chart.yaml with a line `NAME-VERSION.tgz: sha256:...` for each vendored archive.

Chart.lock knows versions alone: its digest is that of what was asked for, not of what came.
"""
_UPDATE = "Run: helm dependency update"
_FIELDS = ("name", "version", "repository", "condition", "tags", "enabled", "import-values", "alias")
_ALWAYS = frozenset({"name", "repository"})


@dataclass(frozen=True)
class Vendored:
    """What lies in the folder `charts`: digests of archives by file name, versions of unpacked charts by folder."""

    archives: Mapping[str, str]
    folders: Mapping[str, str]


def problems(chart: Text, lock: Text | None, vendored: Vendored) -> list[Finding]:
    """What is wrong with a chart's dependencies; `lock` is None where there is no Chart.lock."""
    asked = chart.value.get("dependencies") or []
    if not (isinstance(asked, list) and all(isinstance(each, dict) for each in asked)):
        return [chart.finding(Rule.LOCKED, ("dependencies",), "found no list of maps; expected one")]
    found = [*_digests(chart, vendored.archives)]
    if not asked:
        stray = [f"charts/{name}" for name in (*vendored.archives, *vendored.folders)]
        text = f"found nothing that names it; expected it among the dependencies of {CHART}"
        return [*found, *(Finding(name, 0, text, Rule.LOCKED) for name in sorted(stray))]
    if lock is None:
        told = f"found no {LOCK}; expected the version of each. {_UPDATE}"
        return [*found, chart.finding(Rule.LOCKED, ("dependencies",), told)]
    return [*found, *_locked(lock, asked, vendored)]


def digest(asked: Sequence[Mapping[str, Any]], locked: Sequence[Mapping[str, Any]]) -> str:
    """What helm writes into Chart.lock, of what is asked for and what was chosen.

    Source: internal/resolver/resolver.go of helm, HashReq: Go's JSON of both lists.
    """
    ours = [[_fields(each) for each in asked], [_fields(each) for each in locked]]
    text = json.dumps(ours, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        # Go writes them so that a page of HTML could hold the JSON.
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _fields(dependency: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: dependency.get(name, "" if name in _ALWAYS else None) for name in _FIELDS}
    return {name: value for name, value in given.items() if value or name in _ALWAYS}


def _locked(lock: Text, asked: list[dict[str, Any]], vendored: Vendored) -> Iterator[Finding]:
    locked = lock.value.get("dependencies") if isinstance(lock.value, dict) else None
    if not (isinstance(locked, list) and all(isinstance(each, dict) for each in locked)):
        yield lock.finding(Rule.LOCKED, (), f"found no list of dependencies; expected one. {_UPDATE}")
        return
    if lock.value.get("digest") != digest(asked, locked):
        text = f"found the digest of other dependencies; expected that of those in {CHART}. {_UPDATE}"
        yield lock.finding(Rule.LOCKED, ("digest",), text)
    for index, each in enumerate(locked):
        name, version = each.get("name"), each.get("version")
        if not metadata.is_semver(version):
            text = f"found {shown(version)}; expected one version of SemVer 2, as in 1.2.3"
            yield lock.finding(Rule.LOCKED, ("dependencies", index, "version"), text)
        elif f"{name}-{version}.tgz" not in vendored.archives and vendored.folders.get(str(name)) != version:
            text = (
                f"found no charts/{name}-{version}.tgz; expected the chart itself. Run: helm dependency build"
            )
            yield lock.finding(Rule.LOCKED, ("dependencies", index), text)


def _digests(chart: Text, archives: Mapping[str, str]) -> Iterator[Finding]:
    annotations = chart.value.get("annotations")
    path = ("annotations", DIGESTS)
    written = annotations.get(DIGESTS, "") if isinstance(annotations, dict) else ""
    try:
        known = yaml.safe_load(str(written)) or {}
    except yaml.YAMLError:
        known = None
    if not isinstance(known, dict):
        yield chart.finding(Rule.DIGEST, path, "found no map; expected lines NAME-VERSION.tgz: sha256:...")
        return
    for name, found in sorted(archives.items()):
        if known.get(name) != found:
            there = f"found {shown(known[name])}" if name in known else "found no digest"
            yield chart.finding(
                Rule.DIGEST, path, f"{name}: {there}; expected its own. Write: {name}: {found}"
            )
