"""News of objects, heard rather than asked for: one watch for all who wait for a kind in a namespace.

A watch only says that something changed; whoever hears it asks what. So nothing rests on a watch: while one is lost,
refused or late, those who wait ask from time to time, and no event that went missing leaves them wrong.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import contextlib
import threading
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from atoll.core.errors import AtollError

_LIFE = 60
"""Seconds after which the server ends a watch: a lost one is noticed then, and one that nobody needs closed."""
_FIRST_PAUSE = 0.2
_LAST_PAUSE = 5.0
_MOST = 32
"""Watches at once; each is a connection. Who would need one more asks instead."""


class Topic(NamedTuple):
    """One object to hear of."""

    version: str
    kind: str
    namespace: str | None
    name: str


class Server(Protocol):
    """What a watch needs of an API server."""

    def collection(self, api_version: str, kind: str, namespace: str | None = None) -> str:
        """The path of a kind's objects."""

    def watch(self, path: str, *, seconds: int) -> Iterator[dict[str, Any]]:
        """The metadata of what is there and of what changes from then on."""


class Watches:
    """The watches of one server. Safe to share between threads."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str, str | None], _Watch] = {}

    @contextlib.contextmanager
    def listening(self, topics: Iterable[Topic], bell: threading.Event) -> Iterator["Ears"]:
        """Rings the bell at each news of the topics; what it gives says whether all of them are heard of."""
        wanted = sorted(set(topics), key=str)
        watches = [found for topic in wanted if (found := self._join(topic, bell))]
        try:
            yield Ears(tuple(watches), whole=len(watches) == len(wanted))
        finally:
            for topic in wanted:
                self._leave(topic, bell)

    def _join(self, topic: Topic, bell: threading.Event) -> "_Watch | None":
        with self._lock:
            watch = self._open.get(topic[:3])
            if watch is not None:
                watch.bells.setdefault(topic.name, set()).add(bell)
                return watch
            if len(self._open) >= _MOST:
                return None
            watch = self._open[topic[:3]] = _Watch(self._server, topic)
            watch.bells[topic.name] = {bell}
            threading.Thread(target=self._run, args=(topic[:3], watch), daemon=True).start()
            return watch

    def _leave(self, topic: Topic, bell: threading.Event) -> None:
        with self._lock:
            watch = self._open.get(topic[:3])
            if watch is not None:
                watch.bells.get(topic.name, set()).discard(bell)

    def _run(self, key: tuple[str, str, str | None], watch: "_Watch") -> None:
        try:
            while self._is_needed(key, watch):
                watch.hear()
        finally:
            watch.works = False

    def _is_needed(self, key: tuple[str, str, str | None], watch: "_Watch") -> bool:
        """Whether somebody listens still; else the watch is no longer one that others may join."""
        with self._lock:
            if any(watch.bells.values()):
                return True
            del self._open[key]
            return False


class Ears(NamedTuple):
    """What somebody listens with."""

    watches: "tuple[_Watch, ...]"
    whole: bool

    @property
    def open(self) -> bool:
        """Whether all that was asked for is heard of at the moment."""
        return self.whole and all(watch.works for watch in self.watches)


class _Watch:
    """One watch, opened again for as long as somebody listens."""

    def __init__(self, server: Server, topic: Topic) -> None:
        self._server, self._topic = server, topic
        self._pause = _FIRST_PAUSE
        self._paused = threading.Event()
        self.bells: dict[str, set[threading.Event]] = {}
        self.works = False

    def hear(self) -> None:
        """Listens until the watch ends, in good order or not."""
        try:
            path = self._server.collection(self._topic.version, self._topic.kind, self._topic.namespace)
            events = self._server.watch(path, seconds=_LIFE)
            self.works, self._pause = True, _FIRST_PAUSE
            for metadata in events:
                self._ring(metadata.get("name"))
        except AtollError:
            # Why does not matter here: those who wait ask, and are told.
            self.works = False
            self._ring(None)
            self._paused.wait(self._pause)
            self._pause = min(self._pause * 2, _LAST_PAUSE)

    def _ring(self, name: str | None) -> None:
        """Rings for one object; for all of them where nobody knows which."""
        for known, bells in list(self.bells.items()):
            if name in {None, known}:
                for bell in list(bells):
                    bell.set()
