"""Watches are shared, opened again when they are lost, and closed when nobody listens."""

import queue
import threading
import time

import pytest

from atoll.kubernetes import ApiError, Topic, watching
from atoll.kubernetes.watching import Watches
from harness.waiting import until

WEB, DB = Topic("v1", "Pod", "n", "web"), Topic("v1", "Pod", "n", "db")
END = object()


class _Server:
    """Its watches tell what a test puts there: a name, END, or an error."""

    def __init__(self):
        self.news: queue.Queue[object] = queue.Queue()
        self.opened: list[str] = []

    def collection(self, _version, kind, namespace=None):
        return f"{namespace}/{kind}"

    def watch(self, path, *, seconds):
        assert seconds
        self.opened.append(path)
        return self._events()

    def _events(self):
        while (event := self.news.get(timeout=10)) is not END:
            if isinstance(event, Exception):
                raise event
            yield {"name": event}


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(watching, "_FIRST_PAUSE", 0.01)
    made = _Server()
    yield made
    for _ in range(4):
        made.news.put(END)


def test_a_bell_rings_at_news_of_its_object_alone(server):
    web, db = threading.Event(), threading.Event()
    watches = Watches(server)
    with watches.listening([WEB], web) as ears, watches.listening([DB], db):
        until(lambda: ears.open)
        server.news.put("other")
        server.news.put("web")
        assert web.wait(5)

        assert not db.is_set()
        assert server.opened == ["n/Pod"]


@pytest.mark.parametrize("loss", [ApiError(410, {"message": "too old resource version"}), END])
def test_a_watch_that_ends_is_opened_again(loss, server):
    bell = threading.Event()
    with Watches(server).listening([WEB], bell) as ears:
        until(lambda: ears.open)
        server.news.put(loss)
        until(lambda: len(server.opened) == 2)
        bell.clear()
        server.news.put("web")

        assert bell.wait(5)
        assert ears.open


def test_a_watch_that_is_lost_rings_for_all_so_that_they_ask(server):
    bell = threading.Event()
    with Watches(server).listening([WEB], bell) as ears:
        until(lambda: ears.open)
        server.news.put(ApiError(500, {}))
        assert bell.wait(5)


def test_a_watch_that_is_refused_is_none(server, monkeypatch):
    def refuse(_path, *, seconds):
        raise ApiError(403, {"message": f"no watch for {seconds} s"})

    monkeypatch.setattr(server, "watch", refuse)
    with Watches(server).listening([WEB], threading.Event()) as ears:
        time.sleep(0.05)
        assert not ears.open


def test_more_watches_than_are_allowed_are_not_opened(server, monkeypatch):
    monkeypatch.setattr(watching, "_MOST", 1)
    bell = threading.Event()
    with Watches(server).listening([WEB, Topic("v1", "Service", "n", "web")], bell) as ears:
        until(lambda: server.opened)
        time.sleep(0.02)
        assert not ears.open


def test_a_watch_that_nobody_needs_is_not_opened_again(server):
    watches = Watches(server)
    with watches.listening([WEB], threading.Event()):
        until(lambda: server.opened)
    server.news.put(END)
    until(lambda: not watches._open)

    with watches.listening([WEB], threading.Event()) as ears:
        until(lambda: ears.open)
    assert server.opened == ["n/Pod", "n/Pod"]
