"""What a terminal shows of a run that goes on: a line for each cluster, what is done there and what is at work."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, RenderResult
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from atoll.automation.events import Message, Outcome, Result, Severity

STYLE = {Outcome.OK: "green", Outcome.CHANGED: "yellow", Outcome.FAILED: "red"}
_ROWS, _FEWEST = 12, 3
"""Lines for clusters at most, and at least, however low the terminal is."""
_KEPT = 4
"""Lines of a terminal that are left to what was said before, and to the head and foot."""
_FLEET = "fleet"


@dataclass
class _Place:
    """One cluster: how many resources ended how, and what is at work, {urn: (since when, what)}."""

    counts: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    at_work: dict[str, tuple[float, str]] = field(default_factory=dict)


class Board:
    """The clusters of one run. Entries may come from any thread while it is drawn."""

    def __init__(self, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._clock = what, clock
        self._begin, self._said = clock(), ""
        self._lock = threading.Lock()
        self._places: dict[str, _Place] = {}
        self._last: dict[str, tuple[str, Outcome]] = {}
        self._spinner = Spinner("dots")

    def take(self, entry: Result | Message | str) -> None:
        """Notes what has begun, goes on, or is done."""
        with self._lock:
            if isinstance(entry, Result):
                self._done(entry)
            elif isinstance(entry, Message) and entry.severity is Severity.PROGRESS:
                self._goes_on(entry)

    def _done(self, result: Result) -> None:
        name = result.place or _FLEET
        if result.urn in self._last:
            # A replacement has several steps, and counts once.
            before, outcome = self._last[result.urn]
            self._places[before].counts[outcome] -= 1
        self._last[result.urn] = (name, result.outcome)
        self._place(name).counts[result.outcome] += 1
        for place in self._places.values():
            place.at_work.pop(result.urn, None)

    def _goes_on(self, message: Message) -> None:
        if not message.urn:
            self._said = message.text
            return
        at_work = self._place(message.place or _FLEET).at_work
        since, _ = at_work.get(message.urn, (self._clock(), ""))
        at_work[message.urn] = (since, message.text)

    def _place(self, name: str) -> _Place:
        return self._places.setdefault(name, _Place())

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        with self._lock:
            drawn = self._drawn(min(max(console.height - _KEPT, _FEWEST), _ROWS), options.max_width)
        yield from drawn

    def _drawn(self, room: int, width: int) -> list[Table | Text]:
        now, ranked = self._clock(), sorted(self._places, key=self._rank)
        found: list[Table | Text] = [self._head(now, width), self._table(ranked[:room], now)]
        if rest := ranked[room:]:
            busy = sum(bool(self._places[name].at_work) for name in rest)
            found.append(Text(f"  and {len(rest)} more clusters, {busy} at work", style="dim", no_wrap=True))
        return found

    def _rank(self, name: str) -> tuple[bool, float, str]:
        """Who has been at work for the longest comes first."""
        at_work = self._places[name].at_work
        return (not at_work, min((since for since, _ in at_work.values()), default=0.0), name)

    def _head(self, now: float, width: int) -> Table:
        counts = dict.fromkeys(Outcome, 0)
        for place in self._places.values():
            for outcome, count in place.counts.items():
                counts[outcome] += count
        head = Table.grid(padding=(0, 1))
        head.add_column()
        head.add_column(no_wrap=True, overflow="ellipsis", max_width=max(width - 3, 1))
        told = Text.assemble((self._what, "bold"), f" {now - self._begin:.0f} s  ", _counted(counts))
        head.add_row(self._spinner, told.append(f"  {self._said}" if self._said else "", style="dim"))
        return head

    def _table(self, names: list[str], now: float) -> Table:
        table = Table.grid(padding=(0, 2), pad_edge=True)
        for width in (None, None):
            table.add_column(no_wrap=True, width=width)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1, style="dim")
        for name in names:
            place = self._places[name]
            table.add_row(Text(name), _counted(place.counts), Text(_at_work(place, now)))
        return table


def _counted(counts: dict[Outcome, int]) -> Text:
    told = Text()
    for outcome, count in counts.items():
        told.append(f"{outcome}={count:<5}", style=STYLE[outcome] if count else "dim")
    return told


def _at_work(place: _Place, now: float) -> str:
    """What began last, which is what the others wait for, and for how long anything has been at work."""
    if not place.at_work:
        return ""
    since = min(since for since, _ in place.at_work.values())
    _, what = list(place.at_work.values())[-1]
    more = f" and {len(place.at_work) - 1} more" if len(place.at_work) > 1 else ""
    return f"{what}{more} ({now - since:.0f} s)"
