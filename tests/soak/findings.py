"""What a loop finds, told while it runs and written to RESULTS.md when it ends."""

import contextlib
import datetime as dt
import platform
import re
import statistics
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from soak.ground import MACHINE

RESULTS = Path(__file__).parent / "RESULTS.md"
_HEAD = """# Results of the soak

Written by `make soak`; each part replaces its own section. A part that failed says so in its first line.
"""


class Findings:
    """The rounds, figures and failures of one part."""

    def __init__(self, part: str, command: str) -> None:
        self.part, self.command = part, command
        self.failures: list[str] = []
        self._begin = time.monotonic()
        self._counts: dict[str, int] = {}
        self._measured: dict[str, list[float]] = {}
        self._notes: dict[str, object] = {}

    @contextlib.contextmanager
    def round(self, what: str, number: int, total: int) -> Iterator[None]:
        """One round: its failure is kept, and the loop goes on."""
        kind = what.split(" ", maxsplit=1)[0]
        begin = time.monotonic()
        try:
            yield
        except Exception as error:  # noqa: BLE001 - a loop of hours tells of all its failures in the end
            self.failures.append(f"{what}: {type(error).__name__}: {str(error)[:2000]}")
            traceback.print_exc()
        self._counts[kind] = self._counts.get(kind, 0) + 1
        said = "FAILED" if self.failures and self.failures[-1].startswith(f"{what}:") else "well"
        self.say(f"{number + 1}/{total} {what}: {said} ({time.monotonic() - begin:.1f} s)")

    def measure(self, what: str, value: float) -> None:
        """Takes one value of a figure."""
        self._measured.setdefault(what, []).append(value)

    def note(self, what: str, value: object) -> None:
        """Takes a figure that there is once."""
        self._notes[what] = value

    def say(self, text: str) -> None:
        """A line of progress."""
        print(f"{dt.datetime.now(dt.UTC):%H:%M:%S} {self.part}: {text}", flush=True)  # noqa: T201 - a program's own output

    def write(self, path: Path = RESULTS) -> None:
        """Puts this part's section into the file of results."""
        sections = _sections(path.read_text()) if path.exists() else {}
        sections[self.part] = self._section()
        body = "\n".join(sections[name] for name in sorted(sections))
        path.write_text(f"{_HEAD}\n{body}")

    def _section(self) -> str:
        rounds = sum(self._counts.values())
        verdict = (
            f"FAILED: {len(self.failures)} of {rounds} rounds"
            if self.failures
            else f"{rounds} rounds, all well"
        )
        today = f"{dt.datetime.now(dt.UTC):%Y-%m-%d}"
        took = time.monotonic() - self._begin
        lines = [
            f"## {self.part}",
            "",
            f"{verdict}. {today}, {MACHINE}, {platform.release()}, {took:.0f} s. Command: `{self.command}`",
            "",
            "| figure | value |",
            "|---|---|",
            *(f"| {what} | {value} |" for what, value in self._notes.items()),
            *(f"| {what} | {_summary(values)} |" for what, values in self._measured.items()),
        ]
        lines += (
            ["", *(f"- FAILED {' '.join(each.split())}" for each in self.failures)] if self.failures else []
        )
        return "\n".join(lines) + "\n"


def _summary(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.1f}"
    return f"median {statistics.median(values):.1f}, most {max(values):.1f} ({len(values)} times)"


def _sections(text: str) -> dict[str, str]:
    parts = re.split(r"(?m)^## (\w+)\n", text)[1:]
    return {name: f"## {name}\n{body.rstrip()}\n" for name, body in zip(parts[::2], parts[1::2], strict=True)}
