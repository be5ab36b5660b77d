"""What a terminal shows, and what everything else does."""

import io
import os
import pty
import re
import sys
import threading
import time

import pytest
from rich.console import Console

from atoll.automation.board import Board
from atoll.automation.events import Message, Outcome, Result, Severity
from atoll.automation.recap import Tally
from atoll.automation.show import Screen
from harness.waiting import until

_COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]m")
_OVER = re.compile(r"\x1b\[1A\x1b\[2K")
"""One line up, and erased: what is written over."""


def _result(name, outcome, place=None):
    return Result(f"urn:pulumi:dev::atoll::atoll:index:Cluster::{name}", outcome, "created", place, 1.5)


def _begun(name, place=None, text="creating"):
    urn = f"urn:pulumi:dev::atoll::atoll:index:Cluster::{name}"
    return Message(Severity.PROGRESS, f"Cluster {name}: {text}", place, urn)


def _drawn(board, height=40, width=100):
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    with console.capture() as captured:
        console.print(board)
    return [line.rstrip() for line in captured.get().splitlines()]


class _Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_a_cluster_has_a_line_with_its_counts_and_what_is_at_work():
    clock = _Clock()
    board = Board("up", clock)
    board.take(_begun("reef", "reef"))
    clock.now = 107.0
    board.take(_begun("reef-token", "reef", "waiting for it"))
    board.take(_result("lagoon", Outcome.CHANGED, "lagoon"))
    board.take(_result("policy", Outcome.FAILED))
    clock.now = 112.0

    head, *rows = _drawn(board)

    assert head[2:] == "up 12 s  ok=0    changed=1    failed=1"
    assert [" ".join(row.split()) for row in rows] == [
        "reef ok=0 changed=0 failed=0 Cluster reef-token: waiting for it and 1 more (12 s)",
        "fleet ok=0 changed=0 failed=1",
        "lagoon ok=0 changed=1 failed=0",
    ]


def test_what_is_done_is_at_work_no_more_and_counts_once():
    board = Board("up")
    board.take(_begun("reef", "reef"))
    board.take(_result("reef", Outcome.FAILED, "reef"))
    board.take(_result("reef", Outcome.CHANGED, "reef"))

    assert _drawn(board)[1].split() == ["reef", "ok=0", "changed=1", "failed=0"]


@pytest.mark.parametrize(("height", "shown"), [(40, 12), (10, 6), (2, 3)])
def test_a_fleet_takes_no_more_lines_than_there_are_and_the_rest_is_counted(height, shown):
    board = Board("up")
    for number in range(1000):
        board.take(_result(f"c{number}", Outcome.OK, f"c{number}"))
    board.take(_begun("new", "c999"))

    _, first, *rows, last = _drawn(board, height)

    assert first.split()[0] == "c999"
    assert len(rows) + 1 == shown
    assert last == f"  and {1000 - shown} more clusters, 0 at work"


def test_a_line_is_never_broken():
    board = Board("up")
    board.take(_begun("x" * 300, "reef"))
    board.take(Message(Severity.PROGRESS, "y" * 300))

    assert [len(line) <= 60 for line in _drawn(board, width=60)] == [True, True]


class _Terminal:
    """A screen on a terminal of its own, or on a pipe; `text` is what was written, once it is closed."""

    def __init__(self, monkeypatch, *, terminal):
        self.reading, writing = pty.openpty() if terminal else os.pipe()
        self._stream = os.fdopen(writing, "w", encoding="utf-8")
        monkeypatch.setattr(sys, "stdout", self._stream)
        monkeypatch.setattr(sys, "stderr", self._stream)

    def text(self):
        self._stream.close()
        found = b""
        try:
            while said := os.read(self.reading, 65536):
                found += said
        except OSError:  # a terminal that nobody holds any more
            pass
        os.close(self.reading)
        return found.decode()


def _shown(monkeypatch, *, terminal, **variables):
    for name in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30", **variables}.items():
        monkeypatch.setenv(name, value)
    place = _Terminal(monkeypatch, terminal=terminal)
    screen = Screen()
    drawn = threading.Event()
    with screen.beating("up", every=60):
        screen.listen(_begun("reef", "reef"))
        board = screen._board
        if board:

            def draw(*given):
                drawn.set()
                return Board._drawn(board, *given)

            monkeypatch.setattr(board, "_drawn", draw)
            until(drawn.is_set, "the board is drawn")
        screen.listen(_result("lagoon", Outcome.CHANGED, "lagoon"))
        screen.listen(Message(Severity.ERROR, "it broke", "reef"))
    screen.end({"lagoon": Tally(0, 1), "reef": Tally(0, 0, 1)})
    return place.text()


def test_a_terminal_sees_the_clusters_at_work_below_lines_that_stay(monkeypatch):
    said = _shown(monkeypatch, terminal=True)

    assert _COLOUR.search(said)
    assert _OVER.search(said)
    assert "Cluster reef: creating" in said
    left = _OVER.split(said)[-1]
    assert "RECAP" in left
    assert "creating" not in left
    for line in ("[lagoon] Cluster lagoon created in 1.5 s", "[reef] it broke"):
        assert said.count(line) == 1


@pytest.mark.parametrize(
    ("terminal", "variables", "coloured", "live"),
    [
        (True, {"NO_COLOR": "1"}, False, True),
        (True, {"TERM": "dumb"}, False, False),
        (False, {}, False, False),
        (False, {"FORCE_COLOR": "1"}, True, False),
    ],
    ids=["no-color", "dumb", "pipe", "forced"],
)
def test_colours_and_progress_are_for_terminals(monkeypatch, terminal, variables, coloured, live):
    said = _shown(monkeypatch, terminal=terminal, **variables)

    assert bool(_COLOUR.search(said)) is coloured
    assert bool(_OVER.search(said)) is live
    assert "created in 1.5 s" in said
    assert "it broke" in said


def test_elsewhere_a_heartbeat_tells_what_goes_on(capsys):
    screen = Screen()
    with screen.beating("up", every=0):
        screen.listen(_begun("reef", "reef"))
        end = time.monotonic() + 30
        said = ""
        while "up: Cluster reef: creating (" not in said:
            assert time.monotonic() < end
            said += capsys.readouterr().out
            time.sleep(0.05)
