"""What a person sees while the engine works: a line for each change, the clusters at work or a heartbeat, the recap."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from atoll.automation import journal, recap
from atoll.automation.board import STYLE, Board
from atoll.automation.events import Message, Outcome, Result, Severity
from atoll.automation.recap import Recap

_PROBLEM_STYLE = {Severity.ERROR: "red", Severity.WARNING: "yellow"}
_HEARTBEAT = 5.0
_WIDE = 1000


Entry = Result | Message | str
"""What a run tells: a resource that is done, a message, or a line of the command's own."""


class Screen:
    """Where a run is shown. `quiet` shows nothing but problems; `diff` names the properties that change.

    `stream` takes every entry as it comes, whatever is shown.
    """

    def __init__(
        self,
        *,
        diff: bool = False,
        quiet: bool = False,
        to_stderr: bool = False,
        stream: Callable[[Entry], None] | None = None,
    ) -> None:
        self._diff, self._stream = diff, stream
        # A log for programs has the standard error for itself.
        self._quiet = quiet or (to_stderr and journal.current() is not None)
        self._out = Console(stderr=to_stderr, highlight=False, soft_wrap=True)
        # A row is a line, however narrow the terminal: whoever greps for a name finds all of it.
        self._rows = Console(stderr=to_stderr, highlight=False, width=_WIDE)
        self._problems = Console(stderr=True, highlight=False, soft_wrap=True)
        self._lock = threading.Lock()
        self._last, self._doing = time.monotonic(), ""
        self._board: Board | None = None
        self.results: list[Result] = []
        self.problems: list[Message] = []
        self._told: set[str] = set()

    def listen(self, entry: Result | Message) -> None:
        """Takes one result or message of the engine."""
        self._tell(entry)
        if isinstance(entry, Result):
            self.results.append(entry)
            if entry.outcome is not Outcome.OK:
                self._print(_line(entry, diff=self._diff))
        elif entry.severity is Severity.PROGRESS:
            self._doing = entry.text
        elif entry.severity is Severity.NOTE:
            self._tell_note(entry)
        else:
            self.problems.append(entry)
            self._tell_problem(entry)

    def say(self, line: str) -> None:
        """Shows one line."""
        self._tell(line)
        self._print(escape(line))

    def progress(self, line: str) -> None:
        """Notes how far the work is, for who waits for it."""
        self.listen(Message(Severity.PROGRESS, line))

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Shows a table."""
        shown = Table(box=None, pad_edge=False, header_style="bold")
        for name in head:
            shown.add_column(name, no_wrap=True)
        for row in rows:
            shown.add_row(*(escape(str(cell)) for cell in row))
        if not self._quiet:
            self._rows.print(shown)

    @contextlib.contextmanager
    def beating(self, what: str, every: float = _HEARTBEAT) -> Iterator[None]:
        """Says every few seconds that work goes on, whenever nothing else was said; a terminal sees it all the time."""
        if self._is_live:
            with self._watching(what):
                yield
            return
        over = threading.Event()
        thread = threading.Thread(target=self._beat, args=(over, what, every), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def end(self, result: Recap) -> None:
        """Shows the recap."""
        self._print("\n[bold]RECAP[/]")
        for line, tally in zip(recap.lines(result), result.values(), strict=True):
            bad = tally.failed or tally.unreachable
            style = "red" if bad else "yellow" if tally.changed else "green"
            self._print(f"[{style}]{escape(line)}[/]")

    @property
    def _is_live(self) -> bool:
        """Whether somebody watches a terminal that can be written over; colours alone may be forced elsewhere."""
        torn = journal.current() is not None and self._problems.file.isatty()
        return not (self._quiet or torn or self._out.is_dumb_terminal) and self._out.file.isatty()

    @contextlib.contextmanager
    def _watching(self, what: str) -> Iterator[None]:
        """Shows the clusters at work below the lines, which go on above; a problem would tear it, told by another console."""
        self._board = Board(what)
        problems = self._problems
        if problems.file.isatty():
            self._problems = self._out
        try:
            with Live(self._board, console=self._out, transient=True, redirect_stderr=False):
                yield
        finally:
            self._problems, self._board = problems, None

    def _beat(self, over: threading.Event, what: str, every: float) -> None:
        begin = time.monotonic()
        while not over.wait(1):
            if time.monotonic() - self._last > every:
                doing = escape(self._doing or "at work")
                self._print(f"[dim]{what}: {doing} ({time.monotonic() - begin:.0f} s so far)[/]")

    def _tell(self, entry: Entry) -> None:
        with self._lock:
            if self._board:
                self._board.take(entry)
            if self._stream:
                self._stream(entry)
            if log := journal.current():
                log.tell(entry)

    def _print(self, markup: str) -> None:
        with self._lock:
            self._last = time.monotonic()
            if not self._quiet:
                self._out.print(markup)

    def _tell_note(self, message: Message) -> None:
        line = escape(f"[{message.place or 'fleet'}] {message.text}")
        if line not in self._told:
            self._told.add(line)
            self._print(f"[dim]{message.severity}:[/] {line}")

    def _tell_problem(self, message: Message) -> None:
        if journal.current() or (self._quiet and message.severity is not Severity.ERROR):
            return
        style = _PROBLEM_STYLE[message.severity]
        place = f"[{message.place}] " if message.place else ""
        with self._lock:
            for line in (place + words for words in message.lines):
                if line not in self._told:
                    self._told.add(line)
                    self._problems.print(f"[{style}]{message.severity}:[/] {escape(line)}")


def _line(result: Result, *, diff: bool) -> str:
    style = STYLE[result.outcome]
    place = escape(f"[{result.place or 'fleet'}]")
    took = f" in {result.seconds:.1f} s" if result.seconds >= 1 else ""
    kind = result.type.split(":")[-1]
    properties = f" ({', '.join(result.properties)})" if diff and result.properties else ""
    return (
        f"[{style}]{result.outcome}[/]: {place} {kind} {result.name} {result.verb}{took}{escape(properties)}"
    )
