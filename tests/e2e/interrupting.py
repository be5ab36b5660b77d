"""An environment of few resources whose `up` is ended by signals at chosen moments: what it leaves, and what the next run does."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import psutil
import yaml

from atoll.automation import locks
from atoll.core.errors import Exit
from e2e import checkout as checkouts
from e2e import looking
from e2e.checkout import Checkout
from harness.waiting import until

NAME = "brief"
KEYS = 3
ENDED_BY = {
    signal.SIGINT: Exit.INTERRUPTED,
    signal.SIGTERM: Exit.INTERRUPTED,
    signal.SIGKILL: -signal.SIGKILL,
}
"""Each signal with how a run ends that gets it before its end."""
_ENDS_WITHIN = 120.0


class Course:
    """A control plane and some keys. A run adds keys that are not there, or takes away those that are."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout
        self._more = 0

    def up(self, code: int | None = Exit.DONE) -> dict[str, Any]:
        """Runs it undisturbed."""
        report: dict[str, Any] = self.checkout.report("up", NAME, code=code)
        return report

    def change(self) -> None:
        """Declares other keys than there are, so that the next run has something to do."""
        self._more += 1
        declare(self.checkout, [f"key-{self._more}-{number}" for number in range(KEYS)])

    def lasts(self) -> float:
        """For how many seconds a run with a change lasts."""
        self.change()
        begin = time.monotonic()
        self.up()
        return time.monotonic() - begin

    def struck(self, number: signal.Signals, after: float, again: float | None = None) -> tuple[bool, str]:
        """Sends a signal to a run with a change, and a second one some seconds later where that is said.

        Returns whether the first found it at work, and what it said. In the end nobody holds a lock, but whom SIGKILL
        left to be found dead.
        """
        self.change()
        run = self.checkout.start("up", NAME)
        time.sleep(after)
        hit = run.poll() is None
        run.send_signal(number)
        if again is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(again)
            run.send_signal(number)
        said, _ = run.communicate(timeout=_ENDS_WITHIN)
        # One that was about to end when the signal came has its own code.
        assert run.returncode in (ENDED_BY[number], Exit.DONE), said
        self.freed(killed=number is signal.SIGKILL or again is not None)
        return hit and run.returncode != Exit.DONE, said

    def freed(self, *, killed: bool) -> None:
        """Looks at the locks after a run has ended: nobody holds the environment, and no engine is at work."""
        environment = self.checkout.environment(NAME)
        assert environment.holder() is None
        # The kernel ends an engine with its command; it takes its time to do so.
        until(lambda: "pulumi" not in looking.workers(environment.folder), "no engine", _ENDS_WITHIN)
        left = locks.in_folder(environment)
        assert all(lock.is_dead() for lock in left), left
        assert killed or not left, left

    def goes_on(self) -> None:
        """The next run is the last that is needed, and holds nothing that was interrupted."""
        report = self.up(code=None)
        assert report["exit"] == Exit.DONE, report["problems"]
        assert self.up()["changes"] == []
        environment = self.checkout.environment(NAME)
        kept = environment.state / ".pulumi" / "stacks" / "atoll" / f"{NAME}.json"
        latest = yaml.safe_load(kept.read_text())["checkpoint"]["latest"]
        assert not latest.get("pending_operations")
        keys = [each["urn"] for each in latest["resources"] if each["type"].endswith(":KmsKey")]
        assert len(keys) == KEYS, keys
        assert locks.in_folder(environment) == []
        assert _left(environment.folder) == []


def _left(folder: Any) -> list[psutil.Process]:
    """Engines and programs that a run left at work; plugins wait for the next engine for some seconds."""
    found = looking.workers(folder)
    return [*found.get("pulumi", []), *found.get("program", []), *found.get("language-host", [])]


def declare(checkout: Checkout, keys: list[str]) -> None:
    """Writes the inventory; what is protected could not be taken away again."""
    declared = {"controlPlane": {"driver": "local"}, "keys": {name: {"protect": False} for name in keys}}
    (checkout.folder / "stacks" / f"{NAME}.yaml").write_text(yaml.safe_dump(declared))


@contextlib.contextmanager
def made(*, keep: bool = False) -> Iterator[Course]:
    """The environment, up, in a checkout of its own; what all environments share is taken out of it."""
    with checkouts.made(keep=keep) as checkout:
        (checkout.folder / "stacks" / "base.yaml").write_text("{}\n")
        course = Course(checkout)
        course.change()
        try:
            course.up()
            yield course
        finally:
            if not keep:
                checkout.atoll("down", NAME, "--force", code=None)
