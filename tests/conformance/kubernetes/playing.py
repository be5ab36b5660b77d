"""Plays the controllers that no cluster here has: a load balancer, a node's agent. They write real statuses."""

import contextlib
import threading
from collections.abc import Callable, Iterable

from atoll.core.errors import AtollError

MERGE = "application/merge-patch+json"
_PAUSE = 0.1

Stage = Callable[[], bool]
"""Plays its part if it is time for it; returns whether it did."""


@contextlib.contextmanager
def made(stages: Iterable[Stage]):
    """Lets the stages be played, each once, while a program runs."""
    open_stages, ended = list(stages), threading.Event()

    def play():
        while open_stages and not ended.wait(_PAUSE):
            open_stages[:] = [stage for stage in open_stages if not _played(stage)]

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _played(stage):
    try:
        return stage()
    except AtollError:
        # It may be changed or made at this moment: the next round sees.
        return False


def status(version, kind, name, value):
    """The stage that gives an object a status, once it is there; made for an API server and a namespace."""

    def stage(api, namespace):
        manifest = {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}

        def play():
            if api.get(manifest) is None:
                return False
            path = f"{api.path(manifest)}/status"
            api.request("PATCH", path, {"status": value}, content_type=MERGE)
            return True

        return play

    return stage


def balanced(version, kind, name):
    """A load balancer gives an object its address."""
    return status(version, kind, name, {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}})


def phased(name, phase, ip=None, **conditions):
    """A node's agent says what became of a pod."""
    found = [{"type": kind, "status": value} for kind, value in conditions.items()]
    value = {"phase": phase, "conditions": found}
    if ip:
        value |= {"podIP": ip, "podIPs": [{"ip": ip}]}
    return status("v1", "Pod", name, value)
