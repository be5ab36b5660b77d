"""What a dead engine left is ended, and nothing else."""

import os
import subprocess
import sys

import psutil
import pytest

from atoll.host import Environment, remains
from harness.waiting import until

_SLEEP = "import time; time.sleep(60)"


def _end(folder):
    return remains.end(remains.orphans(Environment(folder, "e", folder)))


@pytest.fixture
def started(tmp_path):
    """Starts a process of an environment with some words; those that live are ended afterwards."""
    running = []

    def start(*words, folder=tmp_path):
        process = subprocess.Popen(
            [sys.executable, "-c", _SLEEP, *words], env={**os.environ, "ATOLL_ENVIRONMENT": str(folder)}
        )
        running.append(process)
        until(lambda: _is_told(process.pid, words))
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_a_language_host_and_a_plugin_without_an_engine_are_ended(started, tmp_path):
    host = started("/bin/pulumi-language-python", "127.0.0.1:4000")
    plugin = started("atoll.provider.kubernetes", "127.0.0.1:4000")

    ended = _end(tmp_path)

    assert len(ended) == 2
    assert not psutil.pid_exists(host.pid)
    assert not psutil.pid_exists(plugin.pid)
    assert _end(tmp_path) == []


def test_what_somebody_else_started_and_other_environments_are_left_alone(started, tmp_path):
    others = [
        # Attached by hand, as for a debugger: nobody gave it an engine's address.
        started("atoll.provider.kubernetes"),
        started("/bin/kubectl", "127.0.0.1:4000"),
        started("/bin/pulumi-language-python", "127.0.0.1:4000", folder=tmp_path / "other"),
    ]

    assert _end(tmp_path) == []
    assert all(psutil.pid_exists(process.pid) and process.poll() is None for process in others)


def test_what_has_its_engine_above_it_is_left_alone(tmp_path):
    engine = tmp_path / "pulumi"
    engine.symlink_to(sys.executable)
    words = ["/bin/pulumi-language-python", "127.0.0.1:4000"]
    program = _calling(_SLEEP, words)
    with subprocess.Popen(
        [engine, "-c", _calling(program, words)], env={**os.environ, "ATOLL_ENVIRONMENT": str(tmp_path)}
    ) as process:
        children = _children(process.pid, 2)
        try:
            assert _end(tmp_path) == []
            assert all(child.is_running() for child in children)
        finally:
            for each in [*children, process]:
                each.kill()


def _calling(program, words):
    """The text of a program that runs another with some words and waits for it."""
    return f"import subprocess; subprocess.run({[sys.executable, '-c', program, *words]!r})"


def _children(pid, count):
    def told():
        children = psutil.Process(pid).children(recursive=True)
        return len([child for child in children if _is_told(child.pid, ["127.0.0.1:4000"])]) == count

    until(told)
    return psutil.Process(pid).children(recursive=True)


def _is_told(pid, words):
    """Whether the kernel tells the process's words already: for a moment of its start it tells none."""
    process = psutil.Process(pid)
    return process.cmdline()[-len(words) :] == list(words) and "ATOLL_ENVIRONMENT" in process.environ()
