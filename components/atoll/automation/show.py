"""What a person sees while the engine works: a line for each change, a heartbeat, the recap."""

import sys
import threading
import time

from rich.console import Console
from rich.markup import escape

from atoll.automation import recap
from atoll.automation.events import Message, Outcome, Result
from atoll.automation.recap import Recap

_STYLE = {Outcome.OK: "green", Outcome.CHANGED: "yellow", Outcome.FAILED: "red"}
_HEARTBEAT = 5.0


class Screen:
    """Where a run is shown. `quiet` shows nothing but problems; `diff` names the properties that change."""

    def __init__(self, *, diff: bool = False, quiet: bool = False, to_stderr: bool = False) -> None:
        self._diff, self._quiet = diff, quiet
        self._out = Console(stderr=to_stderr, highlight=False, soft_wrap=True)
        self._problems = Console(stderr=True, highlight=False, soft_wrap=True)
        self.results: list[Result] = []
        self._last = time.monotonic()
        self._lock = threading.Lock()

    def listen(self, entry: Result | Message) -> None:
        """Takes one result or message of the engine."""
        if isinstance(entry, Result):
            self.results.append(entry)
            if entry.outcome is not Outcome.OK:
                self.say(_line(entry, diff=self._diff))
        elif not self._quiet or entry.severity == "error":
            style = "red" if entry.severity == "error" else "yellow"
            for line in _words(entry):
                self._problems.print(f"[{style}]{entry.severity}:[/] {escape(line)}")

    def say(self, line: str) -> None:
        """Shows one line, with rich's markup."""
        with self._lock:
            self._last = time.monotonic()
            if not self._quiet:
                self._out.print(line)

    def beat(self, stop: threading.Event, what: str) -> None:
        """Says that work goes on whenever nothing was said for a while, until `stop` is set."""
        begin = time.monotonic()
        while not stop.wait(1):
            if time.monotonic() - self._last > _HEARTBEAT:
                self.say(f"[dim]{what}: at work for {time.monotonic() - begin:.0f} s[/]")

    def end(self, result: Recap) -> None:
        """Shows the recap."""
        self.say("\n[bold]RECAP[/]")
        for line, tally in zip(recap.lines(result), result.values(), strict=True):
            bad = tally.failed or tally.unreachable
            style = "red" if bad else "yellow" if tally.changed else "green"
            self.say(f"[{style}]{escape(line)}[/]")
        sys.stdout.flush()


def _line(result: Result, *, diff: bool) -> str:
    style = _STYLE[result.outcome]
    place = escape(f"[{result.place or 'fleet'}]")
    took = f" in {result.seconds:.1f} s" if result.seconds >= 1 else ""
    kind = result.type.split(":")[-1]
    properties = f" ({', '.join(result.properties)})" if diff and result.properties else ""
    return (
        f"[{style}]{result.outcome}[/]: {place} {kind} {result.name} {result.verb}{took}{escape(properties)}"
    )


def _words(message: Message) -> list[str]:
    """The lines of a message that tell something: the engine repeats itself."""
    lines = (line.strip() for line in message.text.splitlines())
    return [line for line in lines if line and not line.startswith(("error: update failed", "update failed"))]
