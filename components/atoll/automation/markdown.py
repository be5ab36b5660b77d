"""A report as Markdown for a comment on a pull request: always within what GitHub takes. Pure.

Source: GitHub refuses a comment of more than 65,536 characters; bytes are counted here, of which there are never fewer.
"""

import html
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from atoll.automation import recap
from atoll.automation.events import Message, Outcome, Result, Severity
from atoll.automation.recap import Recap, Tally
from atoll.automation.reports import MEANING, Report

LIMIT = 65_536
_PROBLEMS, _RECAP = 12_000, 12_000
"""Bytes for the problems and the recap at most; the changes get what is left."""
_NOTE = 200
"""Bytes for the words about what was cut off."""
_TEXT = 400
"""Bytes of one text at most: an error of the engine's may hold a whole manifest."""
_PROPERTIES = 12
_FLEET = "fleet"
_TABLE = "\n| cluster | ok | changed | failed | unreachable |\n|---|---:|---:|---:|---|\n"


def render(report: Report) -> str:
    """The comment. Its first line is the same in every run of a command on an environment, for who edits it."""
    head = _title(report)
    problems = _section("\n**Problems**\n", _problems(report.problems), _PROBLEMS, "problem")
    tallies = _section(_TABLE, _tallies(report.recap), _RECAP, "cluster")
    rest = LIMIT - sum(len(part.encode()) for part in (head, problems, tallies)) - _NOTE
    return head + tallies + problems + _changes(report, rest)


def mark(report: Report) -> str:
    """What the comment of a command on an environment begins with; it does not show."""
    return f"<!-- atoll: {report.command} {report.environment} -->"


def _title(report: Report) -> str:
    title = f"atoll {report.command} {report.environment}: {MEANING[report.code]}"
    left = "".join(f"\n{_plain(line)}\n" for line in (report.left_out.lines() if report.left_out else ()))
    return (
        f"{mark(report)}\n### {title}\n\n{_summary(report.changes)} (exit code {int(report.code)}).\n{left}"
    )


def _tallies(found: Recap) -> list[Callable[[], str]]:
    # What went wrong first: it is the last to be cut off.
    ranked = sorted(found.items(), key=lambda item: not (item[1].failed or item[1].unreachable))
    return [partial(_row, name, tally) for name, tally in ranked]


def _row(name: str, tally: Tally) -> str:
    counts = f"{tally.ok} | {tally.changed} | {tally.failed}"
    return f"| {_code(name)} | {counts} | {_plain(tally.unreachable)} |\n"


def _problems(problems: Iterable[Message]) -> list[Callable[[], str]]:
    told = dict.fromkeys((each.severity, each.place, words) for each in problems for words in each.lines)
    return [partial(_problem, *each) for each in told]


def _problem(severity: Severity, place: str | None, words: str) -> str:
    return f"- {severity}: {f'{_code(place)} ' if place else ''}{_code(words)}\n"


def _changes(report: Report, room: int) -> str:
    """The changes by cluster, each cluster folded; those that failed first. Nothing where there is none."""
    found: list[str] = []
    shown = 0
    for name, changes in _by_place(report.changes).items():
        lines = [partial(_change, each, "would be " if report.is_preview else "") for each in changes]
        begin = f"\n<details><summary>{html.escape(_cut(name))}: {_summary(changes)}</summary>\n\n"
        end = "\n</details>\n"
        kept = _fitting(lines, room - len((begin + end).encode()))
        if not kept:
            break
        found += (begin, *kept, end)
        room -= sum(len(part.encode()) for part in (begin, *kept, end))
        shown += len(kept)
    if shown < len(report.changes):
        found.append(_left_out(len(report.changes) - shown, "change"))
    return "".join(found)


def _by_place(changes: Sequence[Result]) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {}
    for each in sorted(changes, key=lambda each: each.outcome is not Outcome.FAILED):
        found.setdefault(each.place or _FLEET, []).append(each)
    return found


def _change(change: Result, waiting: str) -> str:
    kind = change.type.split(":")[-1]
    verb = change.verb if change.outcome is Outcome.FAILED else f"{waiting}{change.verb}"
    named, more = change.properties[:_PROPERTIES], len(change.properties[_PROPERTIES:])
    properties = ", ".join([*map(_code, named), *([f"{more} more"] if more else [])])
    return f"- {verb} {_code(f'{kind} {change.name}')}{f': {properties}' if properties else ''}\n"


def _section(head: str, lines: Sequence[Callable[[], str]], room: int, what: str) -> str:
    """As many lines as there is room for, in bytes, and how many more there are; nothing where there is none."""
    if not lines:
        return ""
    kept = _fitting(lines, room - len(head.encode()) - _NOTE)
    rest = len(lines) - len(kept)
    return head + "".join(kept) + (_left_out(rest, what) if rest else "")


def _fitting(lines: Iterable[Callable[[], str]], room: int) -> list[str]:
    """The lines that there is room for; those that are cut off are never made."""
    found: list[str] = []
    for made in lines:
        line = made()
        room -= len(line.encode())
        if room < 0:
            break
        found.append(line)
    return found


def _left_out(count: int, what: str) -> str:
    return f"\n*{_counted(count, f'more {what}')} cut off: a comment holds {LIMIT:,} characters. `--format json` has all.*\n"


def _summary(changes: Iterable[Result]) -> str:
    counts = recap.counts(changes)
    failed = f", {counts[Outcome.FAILED]:,} failed" if counts[Outcome.FAILED] else ""
    return f"{_counted(counts[Outcome.CHANGED], 'change')}{failed}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _cut(text: str) -> str:
    """Text in one line, and not too long a one."""
    line = " ".join(text.split())
    return line if len(line.encode()) <= _TEXT else f"{line.encode()[: _TEXT - 3].decode(errors='ignore')}..."


def _plain(text: str) -> str:
    """Text in one line that is no markup, and ends no cell of a table."""
    return re.sub(r"([\\`*_\[\]|~@])", r"\\\1", html.escape(_cut(text), quote=False))


def _code(text: str) -> str:
    """Text in one line as code, whatever backticks are in it."""
    line = _cut(text) or " "
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"
