"""An environment with a real supervisor, and a screen that keeps what it is told."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from atoll.automation.show import Screen
from atoll.host import Environment, Ports, Supervisor


class Told(Screen):
    """A screen that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        """Keeps the line."""
        self.lines.append(line)


def bare(folder: Path, monkeypatch) -> Environment:
    """An environment of a checkout with an empty inventory, of which nothing runs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    (folder / "stacks").mkdir()
    made = Environment(folder, "e", folder / "e")
    made.create()
    return made


@contextlib.contextmanager
def supervised(monkeypatch) -> Iterator[Environment]:
    """An environment with a supervisor that runs; its path is short enough for a socket.

    Its ports are reserved where those of all environments are: none of them takes one while its server starts again.
    """
    with tempfile.TemporaryDirectory(prefix="atoll-") as home:
        monkeypatch.setenv("ATOLL_HOME", home)
        made = Environment.of(Path(home), "e")
        made.create()
        Supervisor(made).start()
        yield made
        Supervisor(made).stop()
        Ports(made).release_block()


@contextlib.contextmanager
def apart(project: Path, home: Path, monkeypatch) -> Iterator[Environment]:
    """The environment of a checkout in a home with ports of its own, of which nothing runs and nothing is left."""
    monkeypatch.setenv("ATOLL_HOME", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    made = Environment.of(project, "e")
    made.create()
    yield made
    Supervisor(made).stop()
    Ports(made).release_block()
