"""A member that fails is shown, holds up nobody, and is up to date soon after its return; what moves leaves it meanwhile."""

import contextlib
import copy
import time

import pytest
from bench import failures

from atoll.core.errors import Exit
from atoll.federation import delivery, placement
from atoll.federation.joining import CLUSTERS
from atoll.host import Supervisor
from atoll.kubernetes.client import MERGE
from e2e import looking
from harness.waiting import until

pytestmark = pytest.mark.timeout(400)
VICTIM = "heron"
SETTINGS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "beacon"}}
SHOWN, UP_TO_DATE, MOVED, BESIDE = 45, 90, 120, 30
"""Seconds, some three times what `python -m bench.failing` is to show (15, 45): here other tests may be at work beside."""


def _is_shown(plane):
    return delivery.unready(plane.find(f"{CLUSTERS}/{VICTIM}")) is not None


def _level(api):
    return (api.get(SETTINGS) or {}).get("data")


def _unreachable(report):
    return {name for name, tally in report["clusters"].items() if tally["unreachable"]}


@contextlib.contextmanager
def seen_to_fail(checkout, failure, code=Exit.DONE):
    """A member fails during the block: that is shown and told, the other one is served, and it is caught up after its return.

    `code` is what the recap ends with then.
    """
    plane, tern, heron = (checkout.api("test", name) for name in ("control-plane", "tern", VICTIM))
    declared, meanwhile = plane.get(SETTINGS)["data"], {"level": f"{failure.__name__} {time.time()}"}
    with failure(Supervisor(checkout.environment("test")), f"{VICTIM}.kube-apiserver"):
        until(lambda: _is_shown(plane), "it is shown", SHOWN)
        plane.request("PATCH", plane.path(SETTINGS), {"data": meanwhile}, content_type=MERGE)
        until(lambda: _level(tern) == meanwhile, "the other one is served", BESIDE)
        assert _unreachable(checkout.report("recap", "test", code=Exit.UNAVAILABLE)) == {VICTIM}
        yield
    until(lambda: heron.healthy() and _level(heron) == meanwhile, "it is up to date", UP_TO_DATE)
    until(lambda: not _is_shown(plane), "it is shown as well", SHOWN)
    assert _unreachable(checkout.report("recap", "test", code=code)) == set()
    plane.request("PATCH", plane.path(SETTINGS), {"data": declared}, content_type=MERGE)
    until(lambda: _level(tern) == _level(heron) == declared, "all is as it was")


def test_a_frozen_member_is_shown_and_is_up_to_date_soon_after_its_return(up):
    checkout, _ = up
    with seen_to_fail(checkout, failures.frozen):
        pass


def _ferry(inventory):
    """Adds a propagation whose Deployment moves; two replicas for two clusters."""
    declared = inventory["propagations"]["beacon"]["resources"]
    space, settings, deployment = copy.deepcopy(declared)
    space["metadata"]["name"] = "ferry"
    settings |= {"metadata": {"name": "settings", "namespace": "ferry"}, "data": {"line": "7"}}
    deployment["metadata"]["namespace"] = "ferry"
    deployment["spec"]["replicas"] = 2
    inventory["propagations"]["ferry"] = {
        "groups": ["all"],
        "failover": True,
        "resources": [space, settings, deployment],
    }


def _running(api):
    """How many replicas run in a cluster, None where there is no Deployment."""
    live = api.get(looking.DEPLOYMENT | {"metadata": {"name": "light", "namespace": "ferry"}})
    return live and live["status"].get("availableReplicas", 0)


def test_replicas_leave_a_killed_member_and_are_shared_anew_after_its_return(up):
    checkout, _ = up
    plane, tern, heron = (checkout.api("test", name) for name in ("control-plane", "tern", VICTIM))
    line = SETTINGS | {"metadata": {"name": "settings", "namespace": "ferry"}}
    with checkout.edited("test", _ferry):
        checkout.report("up", "test")
        shared, staying = (_running(tern), _running(heron)), heron.get(line)["metadata"]["uid"]
        # Until the next `up` its share is missing there.
        with seen_to_fail(checkout, failures.killed, Exit.FAILED):
            until(lambda: _running(tern) == 2, "all replicas run elsewhere", MOVED)
            assert checkout.report("recap", "test", code=Exit.UNAVAILABLE)["clusters"]["tern"]["failed"] == 0
        until(lambda: _running(heron) is None, "it runs there no more")

        report = checkout.report("up", "test")

        assert shared == (1, 1)
        assert report["exit"] == checkout.report("recap", "test")["exit"] == Exit.DONE
        assert (_running(tern), _running(heron)) == (1, 1)
        # What does not move was never taken away, and Atoll's other objects were not either.
        assert heron.get(line)["metadata"]["uid"] == staying
        taints = plane.find(f"{CLUSTERS}/{VICTIM}")["spec"].get("taints", [])
        assert not [each for each in taints if each["key"] == placement.FAILED]
        assert checkout.report("up", "test")["changes"] == []

    checkout.report("up", "test")

    assert (_running(tern), _running(heron)) == (None, None)
