"""The gate of a propagation, at a plane of which one member joins late or never."""

import os
import threading
import time
from datetime import timedelta

import psutil
import pytest

from atoll.core import files
from atoll.core.effect import Context
from atoll.federation import delivery_effects
from atoll.federation.delivery import REVISION
from atoll.federation.delivery_effects import PropagationStatus
from atoll.host import hearing
from atoll.host.environment import VARIABLE
from atoll.kubernetes import Kubeconfig
from harness.answering import answering

COPY = {"kind": "ConfigMap", "metadata": {"name": "note", "annotations": {REVISION: "1"}}}
CLUSTER = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
TYPES = {"resources": [{"name": "configmaps", "kind": "ConfigMap", "namespaced": True}]}
MOVING = {
    "resources": [
        {"name": "deployments", "kind": "Deployment", "namespaced": True},
        {"name": "resourcebindings", "kind": "ResourceBinding", "namespaced": True},
    ]
}
LIMIT = 3
FERRY = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "ferry", "namespace": "n", "generation": 1, "annotations": {REVISION: "1"}},
    "spec": {"replicas": 1},
    "status": {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1},
}


class _Plane:
    """One of whose members has joined or not, as is said."""

    def __init__(self):
        self.has_joined, self.url = False, ""

    def answer(self, path):
        name = path.split("/clusters/")[-1].split("/")[0]
        if name == "joins" and not self.has_joined:
            return 404, {"kind": "Status", "message": "not found"}
        return 200, COPY if "/proxy/" in path else CLUSTER if "/clusters/" in path else TYPES


@pytest.fixture
def plane(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setattr(hearing, "PATIENCE", 0.1)
    monkeypatch.setattr(delivery_effects, "_SILENT_PATIENCE", timedelta(seconds=0.3))
    made = _Plane()
    with answering(made.answer) as made.url:
        yield made


class _Returned:
    """A plane one of whose members returned: it shares anew when asked, and writes there `after` so many seconds, or never."""

    def __init__(self, after):
        self.asked, self._after, self.url = float("inf"), after, ""

    def answer(self, path):
        if path.startswith("PATCH "):
            self.asked = min(self.asked, time.monotonic())
            return 200, {}
        if path.endswith("/resourcebindings/ferry-deployment"):
            placed = ["member", "returns"] if self.asked < time.monotonic() else ["member"]
            return 200, {"spec": {"replicas": 2, "clusters": [{"name": name} for name in placed]}}
        if path.endswith("/clusters"):
            return 200, {"items": [{"metadata": {"name": name}, **CLUSTER} for name in ("member", "returns")]}
        if "/returns/proxy/" in path and time.monotonic() < self.asked + self._after:
            return 404, {"kind": "Status", "message": "not found"}
        if "/proxy/" in path:
            return 200, FERRY
        return 200, CLUSTER if "/clusters/" in path else MOVING


def _wait(plane, clusters=("joins", "member"), **more):
    wanted = {"apiVersion": "v1", "kind": "ConfigMap", "name": "note", "namespace": "n", "revision": "1"}
    inputs = {
        "name": "notes",
        "access": Kubeconfig(plane.url).text(),
        "clusters": list(clusters),
        "objects": [wanted],
        "timeoutSeconds": LIMIT,
        **more,
    }
    begin = time.monotonic()
    return PropagationStatus().create("notes", inputs, Context()), time.monotonic() - begin


def test_a_member_that_is_being_made_joins_in_its_own_time(plane):
    threading.Timer(1, lambda: setattr(plane, "has_joined", True)).start()

    outcome, seconds = _wait(plane)

    assert outcome.problems == ()
    assert outcome.outputs == {"delivered": {"joins": 1, "member": 1}}
    assert seconds < LIMIT


def test_one_that_is_known_to_be_silent_is_waited_for_only_a_moment(plane, tmp_path):
    started = psutil.Process().create_time()
    run = {"pid": os.getpid(), "started": started, "begun": 0.0, "asked": ["joins"], "answered": []}
    files.write_json(tmp_path / "hearing.json", run)

    outcome, seconds = _wait(plane)

    (problem,) = outcome.problems
    assert problem.startswith("propagation notes: cluster joins: it has not joined")
    assert seconds < LIMIT / 2


def test_one_that_never_joins_is_named_when_the_time_is_over(plane):
    outcome, seconds = _wait(plane)

    assert len(outcome.problems) == 1
    assert LIMIT <= seconds < LIMIT + 2


@pytest.mark.parametrize(("after", "problems", "until"), [(1, 0, 1), (60, 1, 2)])
def test_whose_replicas_are_shared_out_anew_has_the_time_of_karmadas_watches_as_well(
    after, problems, until, tmp_path, monkeypatch
):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setattr(delivery_effects, "_SHARE_AGAIN", 0.2)
    monkeypatch.setattr(delivery_effects, "_REWATCH_SECONDS", 1)
    ferry = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "ferry",
        "namespace": "n",
        "revision": "1",
    }
    plane, more = _Returned(after), {"objects": [ferry], "failover": True, "timeoutSeconds": 1}

    with answering(plane.answer) as plane.url:
        outcome, seconds = _wait(plane, ("member", "returns"), **more)

    assert len(outcome.problems) == problems
    assert until <= seconds < until + 10
