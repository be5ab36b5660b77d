"""The one place that runs programs: a list and no shell, output redacted, whole groups stopped."""

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from atoll.core import redaction
from atoll.core.errors import CommandError, UnavailableError

READY = "ready"
"""What a program prints once it serves."""
_TAIL = 2000
_LOOK = 0.2
"""Seconds between two looks at whether a program should end."""
_TELLING = re.compile(
    r"^.*(no space left on device|disk quota exceeded|read-only file system|too many open files|panic: ).*$",
    re.MULTILINE,
)
"""A line that tells the reason, where others count errors or list what was being called."""


@dataclass(frozen=True)
class Completed:
    """What a program left: its exit code and what it printed. `pid` is the process that it was."""

    code: int
    stdout: str
    stderr: str
    pid: int = 0


def run(  # noqa: PLR0913 - the arguments are those of a program
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: str = "",
    timeout: timedelta = timedelta(minutes=2),
    check: bool = True,
) -> Completed:
    """Runs a program to its end.

    `env` is the whole environment of the program where it is given.

    Raises:
        UnavailableError: there is no such program.
        CommandError: it failed, or took longer than the time limit.
    """
    words = [str(word) for word in argv]
    with _started(words, env, cwd) as process:
        result = _ended(process, Path(words[0]).name, stdin, timeout)
    if check and result.code:
        raise failure(words, result.code, result.stderr or result.stdout)
    return result


def run_until(
    cancelled: threading.Event,
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    stdin: str = "",
    timeout: timedelta,
) -> Completed:
    """Runs a program that is asked to end, by SIGINT, once it is cancelled; a failure is the caller's to tell.

    Raises:
        UnavailableError: there is no such program.
        CommandError: it took longer than the time limit.
    """
    words = [str(word) for word in argv]
    with _started(words, env, None) as process, _interrupted(process, cancelled):
        return _ended(process, Path(words[0]).name, stdin, timeout)


def _started(words: Sequence[str], env: Mapping[str, str] | None, cwd: Path | None) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            words,
            env=env,
            cwd=cwd,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise UnavailableError(f"{words[0]}: no such program. Run: atoll tools install") from error


def _ended(process: subprocess.Popen[str], name: str, stdin: str, timeout: timedelta) -> Completed:
    try:
        # In one call: what the pipe did not take yet is lost to a second one (python/cpython, Popen._communicate).
        stdout, stderr = process.communicate(stdin or None, timeout=timeout.total_seconds())
    except subprocess.TimeoutExpired as error:
        process.kill()
        raise CommandError(f"{name}: no end within {timeout}") from error
    except BaseException:
        process.kill()
        raise
    return Completed(process.returncode, stdout, stderr, process.pid)


@contextlib.contextmanager
def _interrupted(process: subprocess.Popen[str], cancelled: threading.Event) -> Iterator[None]:
    """Asks a program to end, once, as soon as it is cancelled."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK):
            if cancelled.is_set():
                process.send_signal(signal.SIGINT)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def failure(argv: Sequence[str], code: int, output: str) -> CommandError:
    """The error of a program that failed, redacted, with its last words."""
    shown = tuple(redaction.redact(word) for word in argv)
    last = redaction.redact(output.strip())[-_TAIL:]
    told = _TELLING.search(redaction.redact(output))
    line = told[0].strip() if told else last.splitlines()[-1] if last else "it printed nothing"
    return CommandError(
        f"{Path(argv[0]).name}: exit code {code}; expected 0: {line}", argv=shown, code=code, output=last
    )


class Serving:
    """A program that begins at once, serves from when it is told how, and ends when its input does.

    It is told in one line and prints `ready` then. `env` is the whole environment that it begins with.
    """

    def __init__(self, argv: Sequence[str | Path], *, env: Mapping[str, str]) -> None:
        self._words = [str(word) for word in argv]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            self._words,
            env=dict(env),
            text=True,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
        )

    @property
    def alive(self) -> bool:
        """Whether it did not end yet."""
        return self._process.poll() is None

    def tell(self, line: str) -> None:
        """Tells it how to serve, and waits until it does.

        Raises:
            CommandError: it ended instead; the text has its last words.
        """
        assert self._process.stdin is not None  # noqa: S101 - asked for above
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        if self._process.stdout.readline() != f"{READY}\n":
            _, said = self._process.communicate()
            raise failure(self._words, self._process.returncode, said)

    def end(self) -> None:
        """Ends it with what it runs."""
        with self._process:
            if self.alive:
                os.killpg(self._process.pid, signal.SIGKILL)


class Group:
    """A program in its own process group, its output read line by line.

    `stop` asks with SIGINT first, so that an engine can finish what it writes, then SIGTERM, then SIGKILL.
    """

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path,
        on_line: Callable[[str], None] = lambda _line: None,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_line, self._on_stop = on_line, on_stop
        self.ended_by: int | None = None
        """The last signal that was sent to end it."""
        self._process = subprocess.Popen(
            [str(word) for word in argv],
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.pid = self._process.pid

    def wait(self) -> int:
        """Reads the output to its end and returns the exit code; an interrupt stops the group first.

        A second interrupt kills it.
        """
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        reader = None
        try:
            self._read()
            return self._process.wait()
        except BaseException:
            # One whose output nobody reads stands still before it has ended what it does.
            reader = threading.Thread(target=self._read, daemon=True)
            reader.start()
            self._on_stop()
            self.stop()
            reader.join(_LOOK)
            raise
        finally:
            # A pipe that somebody still reads cannot be closed.
            if reader is None or not reader.is_alive():
                self._process.stdout.close()

    def stop(self, patience: timedelta = timedelta(seconds=20)) -> None:
        """Ends the whole group: SIGINT, then SIGTERM, then SIGKILL, each after the patience ran out.

        An interrupt meanwhile kills it.
        """
        try:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
                end = time.monotonic() + patience.total_seconds()
                if not self._signal(number):
                    return
                self.ended_by = number
                while self._signal(0) and time.monotonic() < end:
                    time.sleep(0.05)
        except KeyboardInterrupt:
            if self._signal(signal.SIGKILL):
                self.ended_by = signal.SIGKILL
            self._process.wait()
            raise

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._on_line(redaction.redact(line.rstrip("\n")))

    def _signal(self, number: int) -> bool:
        """Sends a signal (0: none) to the group; returns whether anybody was there."""
        # A leader that ended and was not waited for would keep its group alive for ever.
        self._process.poll()
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return False
        return True
