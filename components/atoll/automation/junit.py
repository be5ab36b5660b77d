"""A report as JUnit XML, which CI services read: a suite for each cluster, a case for each of its resources. Pure.

Failures are what makes the exit code: of `drift` what drifted too. What `up --check` finds pending was not run, and counts as
skipped; so does a cluster that was left out.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from atoll.automation.events import Message, Outcome, Result
from atoll.automation.recap import Tally
from atoll.automation.reports import MEANING, Report
from atoll.core.errors import Exit

_FLEET = "fleet"
"""The suite of what concerns no single cluster."""
_FINE = {Exit.DONE, Exit.CHANGES, Exit.DRIFT}
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class _Case:
    """One case: `kind` is the element that tells how it ended (failure, error, skipped), or empty where it passed."""

    name: str
    kind: str = ""
    type: str = ""
    message: str = ""
    text: str = ""
    said: str = ""
    seconds: float = 0


def render(report: Report) -> str:
    """The document."""
    root = ET.Element("testsuites", name=f"atoll {report.command} {report.environment}")
    suites = [(name, list(cases)) for name, cases in _suites(report)]
    for name, cases in suites:
        root.append(_suite(name, cases))
    for name, value in _counts([each for _, cases in suites for each in cases]).items():
        root.set(name, value)
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _suites(report: Report) -> Iterator[tuple[str, Iterable[_Case]]]:
    yield "atoll", [_run(report)]
    by_place: dict[str, dict[str, Result]] = {name: {} for name in report.recap}
    for result in report.results:
        by_place.setdefault(result.place or _FLEET, {})[result.urn] = result
    # A replacement has several steps, and the one that names it need not be the last.
    for change in report.changes:
        by_place.setdefault(change.place or _FLEET, {})[change.urn] = change
    for name, results in by_place.items():
        yield name, _cases(report, name, list(results.values()))
    if left := report.left_out:
        for name in (each for each in left.clusters if each not in by_place):
            yield name, [_Case("answers", "skipped", "left out", f"left out by {left.asked}")]


def _run(report: Report) -> _Case:
    """The run as a whole: what failed without a resource that failed, such as bad settings."""
    name = f"{report.command} {report.environment}"
    left = report.left_out.lines() if report.left_out else ()
    said = "\n".join([*(words for each in report.problems for words in _told(each)), *left])
    if report.code in _FINE:
        return _Case(name, said=said)
    return _Case(name, "error", report.code.name, MEANING[report.code], text=said)


def _told(message: Message) -> list[str]:
    place = f"[{message.place}] " if message.place else ""
    return [f"{message.severity}: {place}{line}" for line in message.lines]


def _cases(report: Report, name: str, results: list[Result]) -> Iterator[_Case]:
    tally = report.recap.get(name)
    if tally is not None:
        yield from _of_cluster(tally, sum(each.outcome is Outcome.FAILED for each in results))
    said = [each for each in report.problems if (each.place or _FLEET) == name]
    for each in results:
        yield _of_resource(report, each, said)


def _of_cluster(tally: Tally, failed: int) -> Iterator[_Case]:
    """Whether it answers, and has what was to be delivered to it (which is no resource of the engine's)."""
    if tally.unreachable:
        yield _Case("answers", "error", "unreachable", tally.unreachable)
        return
    yield _Case("answers")
    if missing := tally.failed - failed:
        yield _Case("deliveries", "failure", "missing", f"{missing} not as declared")


def _of_resource(report: Report, result: Result, said: list[Message]) -> _Case:
    name, took = f"{result.type} {result.name}", result.seconds
    told = result.verb + (f": {', '.join(result.properties)}" if result.properties else "")
    if result.outcome is Outcome.FAILED:
        why = "\n".join(line for each in said for line in _told(each))
        return _Case(name, "failure", result.verb, told, text=why, seconds=took)
    if result.outcome is Outcome.OK:
        return _Case(name, seconds=took)
    if report.is_preview:
        return _Case(name, "skipped", "pending", f"would be {told}", seconds=took)
    if report.code is Exit.DRIFT or result.verb in {"drifted", "gone"}:
        return _Case(name, "failure", "drift", told, seconds=took)
    return _Case(name, said=told, seconds=took)


def _suite(name: str, cases: list[_Case]) -> ET.Element:
    suite = ET.Element("testsuite", {"name": _legal(name), **_counts(cases)})
    for each in cases:
        case = ET.SubElement(
            suite, "testcase", name=_legal(each.name), classname=_legal(name), time=f"{each.seconds:.3f}"
        )
        if each.kind:
            told = {"type": _legal(each.type), "message": _legal(each.message)}
            ET.SubElement(case, each.kind, told).text = _legal(each.text)
        if each.said:
            ET.SubElement(case, "system-out").text = _legal(each.said)
    return suite


def _counts(cases: list[_Case]) -> dict[str, str]:
    kinds = [each.kind for each in cases]
    return {
        "tests": str(len(cases)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")),
        "time": f"{sum(each.seconds for each in cases):.3f}",
    }


def _legal(text: str) -> str:
    return _ILLEGAL.sub("\ufffd", _COLOURS.sub("", text))
