"""Which clusters answer while the engine works: one line for each that does not, in the place of all that follow from it.

The engine is not held up: what a silent cluster's resources bring up is looked into when it comes.
"""

import re
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from datetime import timedelta

from atoll.automation import looking
from atoll.automation.events import Message, Outcome, Result, Severity
from atoll.automation.looking import Access
from atoll.automation.show import Screen
from atoll.core.errors import UnavailableError
from atoll.federation import delivery
from atoll.host import Environment
from atoll.host.hearing import Hearing

_AGAIN = 5.0
"""Seconds after which a cluster is asked again when its resources fail: it may have died or come back since."""
_PLANE_PATIENCE = timedelta(seconds=15)
"""A plane whose API server was just killed is back in less."""
_PAUSE = 0.5
_AHEAD = 0.2
"""Seconds for which the plane is asked alone: the command waits for it, and asks the members while its engine starts."""


class Reach:
    """The clusters of one run. Its `listen` stands between the engine and the screen."""

    def __init__(self, environment: Environment, places: Iterable[Access], screen: Screen) -> None:
        # A local cluster that has yet to be made is silent and not dead.
        self.places = list(places)
        self.forgotten = ""
        """A member of which nobody wants to hear any more."""
        self._places = {place.name: place for place in self.places if place.path.exists()}
        self._screen = screen
        self._pool = ThreadPoolExecutor(len(self._places) + 1)
        self._asked: dict[str, tuple[float, Future[str | None]]] = {}
        self._told: set[str] = set()
        self._doubted: set[str] = set()
        """The clusters with which something was wrong."""
        self._hearing = Hearing(environment, self._places)
        members = [name for name, place in self._places.items() if place.role != looking.PLANE]
        for name in self._places.keys() - members:
            self._ask(name)
        self._all_asked = self._pool.submit(self._ask_later, members)

    def demand(self, plane: str) -> None:
        """Waits for the control plane to answer.

        Raises:
            UnavailableError: it is dead, and with it the way to every member.
        """
        end = time.monotonic() + _PLANE_PATIENCE.total_seconds()
        while reason := self.silence(plane):
            if time.monotonic() > end:
                raise UnavailableError(
                    f"{plane}: {reason} (without it no member can be served). "
                    "Bring it back, and run the same command again."
                )
            time.sleep(_PAUSE)
            self._ask(plane)

    def silence(self, name: str) -> str | None:
        """Why a cluster does not answer, or None."""
        if name not in self._places:
            return None
        if name not in self._asked:
            self._all_asked.result()
        return self._asked[name][1].result()

    def listen(self, entry: Result | Message) -> None:
        """Shows what the engine tells, but what follows from a cluster's silence."""
        if entry.place and (isinstance(entry, Message) or entry.outcome is Outcome.FAILED):
            self._doubted.add(entry.place)
        if isinstance(entry, Result):
            if entry.outcome is Outcome.FAILED and self._is_silent(entry.place):
                self._screen.results.append(entry)
            else:
                self._screen.listen(entry)
        elif entry.severity not in {Severity.ERROR, Severity.WARNING}:
            self._screen.listen(entry)
        elif (rest := self._of_others(entry)) is not None:
            self._screen.listen(rest)

    def forget_removed(self) -> None:
        """Takes out the clusters that the run has removed: their silence is what was wanted."""
        self._places = {name: place for name, place in self._places.items() if place.path.exists()}

    def finish(self) -> dict[str, str]:
        """Why a cluster does not answer, for each that does not now; each is told once.

        One that answered a moment ago, and with which all went well, is not asked again.
        """
        self._all_asked.result()
        for name in self._places:
            is_old = time.monotonic() - self._asked[name][0] > _AGAIN
            if is_old or name in self._doubted or self.silence(name):
                self._ask(name)
        found = {name: reason for name in self._places if (reason := self.silence(name))}
        for name, reason in found.items():
            self._tell(name, reason)
        self._hearing.end()
        return found

    def _ask_later(self, names: list[str]) -> None:
        wait([asked for _, asked in self._asked.values()], _AHEAD)
        for name in names:
            self._ask(name)

    def _ask(self, name: str) -> None:
        self._asked[name] = (time.monotonic(), self._pool.submit(self._look, name))

    def _look(self, name: str) -> str | None:
        reason = looking.silence(self._places[name])
        if not reason:
            self._hearing.heard(name)
        return reason

    def _is_silent(self, name: str | None) -> bool:
        """Whether a cluster with which something is wrong does not answer at all."""
        if name is None or name not in self._places:
            return False
        self._all_asked.result()
        # Of what was told once nothing more is said: to ask the dead again would hold up the others' news.
        is_open = name not in self._told or not self.silence(name)
        if is_open and time.monotonic() - self._asked[name][0] > _AGAIN:
            self._ask(name)
        reason = self.silence(name)
        if reason:
            self._tell(name, reason)
        return bool(reason)

    def _is_no_news(self, name: str) -> bool:
        return name == self.forgotten or self._is_silent(name)

    def _tell(self, name: str, reason: str) -> None:
        if name not in self._told:
            self._told.add(name)
            self._screen.listen(Message(Severity.ERROR, f"{reason} (the others are served)", name))

    def _of_others(self, message: Message) -> Message | None:
        """A problem without the lines that follow from a cluster's silence; None where nothing is left."""
        if message.severity is Severity.WARNING and message.place and message.place == self.forgotten:
            return None
        if self._is_silent(message.place):
            return None
        lines = message.text.splitlines()
        kept = [line for line in lines if not any(map(self._is_no_news, delivery.named(line)))]
        if kept == lines:
            return message
        said = [line for line in kept if re.search(r": \w", line)]
        return replace(message, text="\n".join(said)) if said else None
