"""Looks at a chart by all rules at once. Effect: it reads the chart's folder and runs helm."""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import yaml

from atoll.charts import dependencies, derived, findings, metadata, restricted, schemas
from atoll.charts.dependencies import Vendored
from atoll.charts.findings import CHART, LOCK, README, SCHEMA, VALUES, Finding, Rule, Text
from atoll.core.errors import ArgsError
from atoll.helm import Helm

CASES = "ci/*-values.yaml"
"""Values that a chart is looked at with, one file after the other; without any, its own defaults.

Source: https://github.com/helm/chart-testing, where the names come from.
"""
_ENTRY = re.compile(r"^\[(?:WARNING|ERROR)\] ([^:\n]*):? ?((?:.*\n)(?:(?!\[|==>).*\n)*)", re.MULTILINE)
"""A finding of the linter's; what it only informs of is none."""
_VALUE = re.compile(r"^ *- at '(/[^']*|)': (.*)$", re.MULTILINE)
_TEMPLATE = re.compile(r"[\w.-]+/((?:charts/[\w.-]+/)*templates/[^:\s)]+):(\d+)(?::\d+)?[):]*\s*")
_HINT = " Use --debug flag to render out invalid YAML"
_DOCUMENT = re.compile(r"^---\n# Source: [^/\n]+/(.+)$", re.MULTILINE)


def check(helm: Helm, chart: Path, values: Sequence[Path] = ()) -> list[Finding]:
    """All that is wrong with the chart in a folder, file by file; `values` stand for the chart's own cases.

    Raises:
        ArgsError: there is no chart.
    """
    if not chart.is_dir():
        raise ArgsError(f"{chart}: found no such folder; expected that of a chart.")
    found = {
        *_metadata(chart),
        *schemas.problems(_read(chart / SCHEMA), _read(chart / VALUES)),
        *_derived(chart),
    }
    if (chart / CHART).is_file():
        cases: list[Path | None] = [*(values or sorted(chart.glob(CASES)))]
        # A schema that is wrong is told of already, and may lie elsewhere.
        more = ["--skip-schema-validation"] if any(each.file == SCHEMA for each in found) else []
        asked = [each for case in cases or [None] for each in _rendered(helm, chart, case, more)]
        own = frozenset(found)
        found.update(each for each in asked if not _is_told(each, own))
    return sorted(found)


def _is_told(finding: Finding, own: Collection[Finding]) -> bool:
    """Whether helm's own words, which know no line, say again what a rule of ours said better."""
    files, rules = {each.file for each in own}, {each.rule for each in own}
    same = finding.file in files or (finding.file == CHART and Rule.LOCKED in rules)
    follows = finding.file in {CHART, "templates"} and bool(files & {CHART, VALUES})
    return finding.rule is Rule.LINT and not finding.line and (same or follows)


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ArgsError(f"{path}: found bytes that are no UTF-8; expected text.") from error


def _metadata(chart: Path) -> list[Finding]:
    told = _read(chart / CHART)
    if told is None:
        return [
            Finding(
                CHART, 0, "found no file; expected the chart's name, version and what it is", Rule.METADATA
            )
        ]
    try:
        text = Text(CHART, told)
    except yaml.YAMLError as error:
        return [findings.unreadable(CHART, error, Rule.METADATA)]
    found = metadata.problems(text, chart.resolve().name)
    return [*found, *_dependencies(chart, text)] if isinstance(text.value, dict) else found


def _dependencies(chart: Path, text: Text) -> list[Finding]:
    locked = _read(chart / LOCK)
    try:
        lock = None if locked is None else Text(LOCK, locked)
    except yaml.YAMLError as error:
        return [findings.unreadable(LOCK, error, Rule.LOCKED)]
    return dependencies.problems(text, lock, _vendored(chart / "charts"))


def _vendored(folder: Path) -> Vendored:
    # What begins so is not looked at by helm either.
    there = [path for path in (folder.iterdir() if folder.is_dir() else ()) if path.name[0] not in "._"]
    archives = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in there if path.suffix == ".tgz"
    }
    return Vendored(
        {name: f"sha256:{digest}" for name, digest in archives.items()},
        {path.name: _version(path / CHART) for path in there if path.is_dir()},
    )


def _version(path: Path) -> str:
    try:
        told = yaml.safe_load(_read(path) or "")
    except yaml.YAMLError:
        return ""
    return str(told.get("version", "")) if isinstance(told, dict) else ""


def _derived(chart: Path) -> Iterator[Finding]:
    """Of a chart whose texts come from its schema, those that do not say what the schema says."""
    try:
        schema = json.loads(_read(chart / SCHEMA) or "null")
    except json.JSONDecodeError:
        schema = None
    values, readme = (_read(chart / file) or "" for file in (VALUES, README))
    if not isinstance(schema, dict):
        return
    if values.startswith(derived.MARK):
        yield from _compared(VALUES, values, derived.values(schema))
    if derived.TABLE in readme:
        yield from _compared(README, readme, derived.readme(schema, readme))


def _compared(file: str, text: str, wanted: str) -> Iterator[Finding]:
    pairs = zip([*text.splitlines(), None], [*wanted.splitlines(), None], strict=False)
    line = next((number for number, (here, there) in enumerate(pairs, start=1) if here != there), 0)
    if line:
        text = f"found another text than {SCHEMA} makes; expected that. Derive it anew"
        yield Finding(file, line, text, Rule.DERIVED)


def _rendered(helm: Helm, chart: Path, case: Path | None, more: Sequence[str]) -> Iterator[Finding]:
    """What helm says of a chart with some values, and what is wrong with what it makes of them."""
    values = [*more, *([] if case is None else ["--values", str(case)])]
    done = helm.tried("lint", "--strict", chart, *values)
    told = [*_linted(done.stdout, chart, case or chart / VALUES)] if done.code else []
    yield from told
    if done.code and not told:
        yield Finding(CHART, 0, _said(done.stderr or done.stdout), Rule.LINT)
    made = helm.tried("template", chart, *values)
    if not made.code:
        yield from _manifests(made.stdout)
    elif not done.code:
        # Else the linter has told what keeps it from being rendered.
        yield _placed("templates", _said(made.stderr), Rule.RENDER)


def _linted(output: str, chart: Path, values: Path) -> Iterator[Finding]:
    """The findings in the linter's output."""
    for file, text in _ENTRY.findall(output):
        if wrong := _VALUE.findall(text):
            yield from (_value(chart, values, pointer, told) for pointer, told in wrong)
        else:
            name = CHART if file in {str(chart), ""} else file.rstrip("/")
            yield _placed(name, " ".join(text.split()), Rule.LINT)


def _value(chart: Path, values: Path, pointer: str, told: str) -> Finding:
    """A value that the schema refuses, where it was written."""
    text, path = (
        _read(values) or "",
        [int(step) if step.isdigit() else step for step in pointer.split("/")[1:]],
    )
    file = str(values.relative_to(chart)) if values.is_relative_to(chart) else str(values)
    return Text(file, text).finding(Rule.LINT, tuple(path), told)


def _placed(file: str, text: str, rule: Rule) -> Finding:
    """A finding at the template that a text of helm's names, where it names one."""
    named = _TEMPLATE.search(text)
    if not named:
        return Finding(file, 0, text, rule)
    return Finding(named[1], int(named[2]), text[named.end() :].removesuffix(_HINT), rule)


def _said(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines).removeprefix("Error: ") or "helm failed without a word"


def _manifests(output: str) -> Iterator[Finding]:
    _, *parts = _DOCUMENT.split(output)
    for file, text in zip(parts[::2], parts[1::2], strict=True):
        try:
            made = [each for each in yaml.safe_load_all(text) if isinstance(each, dict)]
        except yaml.YAMLError as error:
            yield replace(findings.unreadable(file, error, Rule.RENDER), line=0)
            continue
        for rule, told in (each for manifest in made for each in restricted.problems(manifest)):
            yield Finding(file, 0, told, rule)
