"""An engine that ends without having told why; a program in its place does what a real one does on a full disk."""

import os

import pytest

from atoll.automation import following
from atoll.automation.engine import Engine
from atoll.automation.events import Message, Reader, Result, Severity
from atoll.core.errors import CommandError
from harness.processes import bare
from harness.waiting import until

BEGUN = '{"diagnosticEvent":{"urn":"","severity":"warning","message":"slow","color":"never"}}'
TOLD = '{"diagnosticEvent":{"urn":"","severity":"error","message":"the cluster is gone","color":"never"}}'
CUT = TOLD[:40]


@pytest.fixture
def environment(tmp_path, monkeypatch):
    return bare(tmp_path, monkeypatch)


@pytest.fixture
def run(environment):
    """Runs `up` with an engine that logs some lines, says some words and fails; returns its code and the messages."""

    def begin(log, said):
        program = environment.bin / "pulumi"
        program.parent.mkdir(exist_ok=True)
        program.write_text(
            f"#!/bin/sh\nfor log in \"$@\"; do :; done\nprintf '{log}' >> \"$log\"\necho '{said}'\nexit 255\n"
        )
        program.chmod(0o700)
        heard: list[Result | Message] = []
        code = Engine(environment, {"PATH": os.defpath}).up(heard.append)
        return code, heard

    return begin


ERROR = "error: saving the state: write e.json: no space left on device"


def test_what_it_said_last_is_told_where_its_log_was_cut_off(run):
    code, heard = run(f"{BEGUN}\n{TOLD}\n", "by the way")
    assert (code, [each.text for each in heard if each.severity is Severity.ERROR]) == (
        255,
        ["the cluster is gone"],
    )

    _, heard = run(f"{BEGUN}\n{CUT}", ERROR)
    assert heard[-1] == Message(Severity.ERROR, f"pulumi: exit code 255; expected 0: {ERROR}")

    # A line that went on after the disk had room again is two halves.
    _, heard = run(f"{BEGUN}\n{CUT}{BEGUN}\n{TOLD}\n", ERROR)
    assert [each.text for each in heard if each.severity is Severity.ERROR] == ["the cluster is gone"]


def test_one_that_ended_before_it_began_raises_what_it_said(run):
    with pytest.raises(CommandError, match="no space left on device"):
        run("", ERROR)


def test_where_it_said_nothing_a_full_disk_is_looked_at(run, monkeypatch):
    found = os.statvfs("/")
    hardly = os.statvfs_result((*found[:4], 3, *found[5:]))
    monkeypatch.setattr(os, "statvfs", lambda _: hardly)

    _, heard = run(f"{BEGUN}\n{CUT}", "")

    assert "found no space left on device; expected room on its disk" in heard[-1].text

    # Also where it said something, by which nobody may know.
    _, heard = run(f"{BEGUN}\n{TOLD}\n", "")
    assert heard[-2].text == "the cluster is gone"
    assert "found no space left on device; expected room on its disk" in heard[-1].text


def test_a_log_that_is_written_anew_is_read_from_its_beginning_whatever_its_length(tmp_path):
    """As the engine does it between its preview and its run: it truncates the file."""
    log = tmp_path / "events"
    heard: list[Result | Message] = []

    def lines(number, time):
        return "".join(f'{{"timestamp":{time},{BEGUN[1:-1]}, "n":{each}}}\n' for each in range(number))

    def count(number):
        until(lambda: len(heard) == number, f"{number} events are read")

    log.write_text(lines(3, 1))
    follower = following.Follower(log, heard.append, Reader(), preview=False)
    count(3)
    log.write_text(lines(5, 2))
    count(8)
    log.write_text(lines(1, 3))
    follower.finish()

    assert len(heard) == 9
