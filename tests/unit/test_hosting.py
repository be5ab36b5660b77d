"""What runs the program of an environment, begun ahead of its engine or not."""

import os
import subprocess
import sys

import grpc
import psutil
import pytest

from atoll.automation import hosting
from atoll.core.errors import CommandError
from harness.waiting import until


@pytest.fixture(autouse=True)
def _nothing_begun():
    yield
    while hosting._begun:
        hosting._begun.pop().end()


def _plugin_info(address):
    with grpc.insecure_channel(address) as channel:
        return channel.unary_unary("/pulumirpc.LanguageRuntime/GetPluginInfo")(b"", timeout=20)


@pytest.mark.parametrize("words", [["up", "dev"], ["drift", "dev"], []])
def test_a_program_is_served_by_what_was_begun_ahead_or_else_by_another(words, tmp_path):
    hosting.foresee(words)
    begun = [each._process.pid for each in hosting._begun]
    address = f"unix:{tmp_path}/p"

    with hosting.program(tmp_path, address, {"PATH": os.defpath}):
        assert _plugin_info(address) == b""
        assert not hosting._begun
        assert all(map(psutil.pid_exists, begun))

    assert len(begun) == (words[:1] == ["up"])
    assert not any(map(psutil.pid_exists, begun))


@pytest.mark.parametrize("words", [["up", "dev", "--help"], ["down", "up"]])
def test_nothing_is_begun_for_who_asks_for_help_or_something_else(words):
    hosting.foresee(words)

    assert not hosting._begun


def test_one_that_died_before_it_was_needed_gives_way_to_another(tmp_path):
    hosting.foresee(["up"])
    (begun,) = hosting._begun
    begun._process.kill()
    begun._process.wait()
    address = f"unix:{tmp_path}/p"

    with hosting.program(tmp_path, address, {"PATH": os.defpath}):
        assert _plugin_info(address) == b""


def test_one_that_cannot_serve_says_why(tmp_path):
    with (
        pytest.raises(CommandError, match="Failed to bind to address"),
        hosting.program(tmp_path, f"unix:{tmp_path}/none/p", {"PATH": os.defpath}),
    ):
        pass


def test_one_that_nobody_needed_ends_with_its_command():
    script = "from atoll.automation import hosting as h; h.foresee(['up']); print(h._begun[0]._process.pid)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    until(lambda: not psutil.pid_exists(int(done.stdout)))
