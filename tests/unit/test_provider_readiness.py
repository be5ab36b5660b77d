from typing import Any

import pytest

from atoll.kubernetes import identities
from atoll.provider.kubernetes import awaiting, beside, readiness


def _verdict(manifest, live):
    rule = readiness.of_itself(identities.group_kind(manifest))
    assert rule is not None
    return rule(live)


def _manifest(kind, version="v1", **fields):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "x", "namespace": "n"}, **fields}


def _deployment(**status):
    found = _manifest("Deployment", "apps/v1", spec={"replicas": 2}, status=status)
    found["metadata"]["generation"] = 1
    return found


@pytest.mark.parametrize(
    ("status", "missing"),
    [
        ({}, "not observed"),
        ({"observedGeneration": 1}, "0 of 2 replicas updated"),
        ({"observedGeneration": 1, "updatedReplicas": 2, "replicas": 3}, "1 old replicas"),
        ({"observedGeneration": 1, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 1}, "1 of 2"),
        ({"observedGeneration": 1, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 2}, ""),
    ],
)
def test_a_deployment_is_ready_when_all_its_new_replicas_alone_are_available(status, missing):
    verdict = _verdict(_deployment(), _deployment(**status))

    assert verdict.ready is not bool(missing)
    assert missing in verdict.missing


def test_a_deployment_past_its_deadline_is_waited_for_no_longer():
    condition = {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "too slow"}
    verdict = _verdict(_deployment(), _deployment(observedGeneration=1, conditions=[condition]))

    assert (verdict.ready, verdict.hopeless) == (False, True)
    assert "too slow" in verdict.missing


def test_a_deployment_says_why_its_pods_are_refused():
    condition = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    verdict = _verdict(_deployment(), _deployment(observedGeneration=1, conditions=[condition]))

    assert "exceeded quota" in verdict.missing


CRD = _manifest("CustomResourceDefinition", "apiextensions.k8s.io/v1")
TOKEN = _manifest("Secret", type="kubernetes.io/service-account-token")


@pytest.mark.parametrize(
    ("manifest", "live", "ready"),
    [
        (CRD, {}, False),
        (CRD, {"status": {"conditions": [{"type": "Established", "status": "True"}]}}, True),
        (_manifest("Namespace"), {"status": {"phase": "Active"}}, True),
        (_manifest("Namespace"), {"status": {"phase": "Terminating"}}, False),
        (TOKEN, {}, False),
        (TOKEN, {"data": {"token": "x"}}, True),
        (_manifest("Secret"), {"type": "Opaque"}, True),
        (
            _manifest("APIService", "apiregistration.k8s.io/v1"),
            {"status": {"conditions": [{"type": "Available", "status": "False", "message": "no"}]}},
            False,
        ),
    ],
)
def test_each_awaited_kind_has_its_own_rule(manifest, live, ready):
    assert _verdict(manifest, {**manifest, **live}).ready is ready


def test_names_that_are_taken_make_a_definition_hopeless():
    condition = {"type": "NamesAccepted", "status": "False", "message": "taken"}

    assert _verdict(CRD, {**CRD, "status": {"conditions": [condition]}}).hopeless


def test_other_kinds_are_ready_when_they_are_written():
    assert readiness.of_itself(("", "ConfigMap")) is None
    assert readiness.of_itself(("example.test", "Deployment")) is None


def _counted(kind, version="apps/v1", spec=None, generation=1, **status):
    found = _manifest(kind, version, spec={"replicas": 2, **(spec or {})}, status=status)
    found["metadata"]["generation"] = generation
    return found


ROLLED = {
    "observedGeneration": 1,
    "replicas": 2,
    "readyReplicas": 2,
    "currentReplicas": 2,
    "currentRevision": "r1",
    "updateRevision": "r1",
}
BY_HAND = {"updateStrategy": {"type": "OnDelete"}}


@pytest.mark.parametrize(
    ("spec", "generation", "status", "missing"),
    [
        ({}, 1, {}, "not observed"),
        ({}, 1, ROLLED, ""),
        ({}, 2, ROLLED, "not observed"),
        (
            {},
            1,
            ROLLED | {"updateRevision": "r2", "updatedReplicas": 1},
            "1 of 2 replicas are of revision r2",
        ),
        ({}, 1, ROLLED | {"replicas": 1}, "1 of 2 replicas there"),
        ({}, 1, ROLLED | {"readyReplicas": 1}, "1 of 2 replicas ready"),
        ({}, 1, ROLLED | {"currentReplicas": 1}, "1 of 2 replicas current"),
        (BY_HAND, 1, ROLLED | {"updateRevision": "r2"}, "revision r2"),
        (BY_HAND, 2, ROLLED | {"observedGeneration": 2, "updateRevision": "r2", "currentReplicas": 0}, ""),
    ],
)
def test_a_stateful_set_is_ready_when_all_its_replicas_are_of_its_revision(spec, generation, status, missing):
    live = _counted("StatefulSet", spec=spec, generation=generation, **status)
    verdict = _verdict(live, live)

    assert verdict.ready is not bool(missing)
    assert missing in verdict.missing


PLACED = {
    "observedGeneration": 1,
    "desiredNumberScheduled": 2,
    "currentNumberScheduled": 2,
    "updatedNumberScheduled": 2,
    "numberAvailable": 2,
    "numberReady": 2,
}


@pytest.mark.parametrize(
    ("status", "missing"),
    [
        (PLACED, ""),
        ({"observedGeneration": 1}, "not observed"),
        (PLACED | {"currentNumberScheduled": 1}, "1 of 2 pods scheduled"),
        (PLACED | {"updatedNumberScheduled": 1}, "1 of 2 pods updated"),
        (PLACED | {"numberAvailable": 1}, "1 of 2 pods available"),
        (PLACED | {"numberReady": 0}, "0 of 2 pods ready"),
        ({"observedGeneration": 1, "desiredNumberScheduled": 0}, ""),
    ],
)
def test_a_daemon_set_is_ready_when_each_node_that_is_wanted_has_its_pod(status, missing):
    live = _counted("DaemonSet", **status)
    verdict = _verdict(live, live)

    assert verdict.ready is not bool(missing)
    assert missing in verdict.missing


def _conditions(**found):
    return [{"type": kind, "status": status} for kind, status in found.items()]


STARTED = {"startTime": "now", "active": 1}


@pytest.mark.parametrize(
    ("status", "ready", "hopeless", "missing"),
    [
        ({}, False, False, "not started"),
        (STARTED, False, False, "1 active, 0 succeeded, 0 failed"),
        (STARTED | {"conditions": _conditions(Complete="True")}, True, False, ""),
        (STARTED | {"conditions": _conditions(SuccessCriteriaMet="True")}, False, False, "1 active"),
        (STARTED | {"conditions": _conditions(Failed="True")}, False, True, "it failed"),
        (STARTED | {"conditions": _conditions(Failed="False")}, False, False, "1 active"),
    ],
)
def test_a_job_is_ready_when_it_is_complete_and_hopeless_when_it_failed(status, ready, hopeless, missing):
    live = _manifest("Job", "batch/v1", status=status)
    verdict = _verdict(live, live)

    assert (verdict.ready, verdict.hopeless) == (ready, hopeless)
    assert missing in verdict.missing


WAITS = {"name": "a", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}
ENDED = {"name": "a", "state": {"terminated": {"exitCode": 3}}}
MAKING = {"name": "a", "state": {"waiting": {"reason": "ContainerCreating"}}}


@pytest.mark.parametrize(
    ("phase", "conditions", "containers", "ready", "missing"),
    [
        ("Pending", {}, [], False, "not PodScheduled yet"),
        ("Pending", {"PodScheduled": "True"}, [], False, "not Initialized yet"),
        ("Pending", {"PodScheduled": "True", "Initialized": "True"}, [MAKING], False, "not Ready yet"),
        ("Running", {"PodScheduled": "True", "Initialized": "True", "Ready": "True"}, [], True, ""),
        ("Succeeded", {"PodScheduled": "True", "Initialized": "True", "Ready": "False"}, [], True, ""),
        (
            "Pending",
            {"PodScheduled": "True", "Initialized": "True"},
            [WAITS],
            False,
            "not Ready yet (container a: ImagePullBackOff no such image)",
        ),
        ("Failed", {"PodScheduled": "True"}, [ENDED], False, "it failed: container a ended with exit code 3"),
    ],
)
def test_a_pod_is_ready_when_it_runs_or_ended_well(phase, conditions, containers, ready, missing):
    status = {"phase": phase, "conditions": _conditions(**conditions), "containerStatuses": containers}
    live = _manifest("Pod", status=status)
    verdict = _verdict(live, live)

    assert verdict.ready is ready
    assert verdict.missing == missing
    assert verdict.hopeless is (phase == "Failed")


@pytest.mark.parametrize(
    ("live", "ready"),
    [
        (_counted("ReplicationController", "v1", observedGeneration=1, availableReplicas=2), True),
        (_counted("ReplicationController", "v1", observedGeneration=1, availableReplicas=1), False),
        (_counted("ReplicationController", "v1", {"replicas": 0}, observedGeneration=1), True),
        (_manifest("PersistentVolume", status={"phase": "Available"}), True),
        (_manifest("PersistentVolume", status={"phase": "Bound"}), True),
        (_manifest("PersistentVolume", status={"phase": "Pending"}), False),
        (_manifest("ResourceQuota", spec={"hard": {"pods": "1"}}, status={"hard": {"pods": "1"}}), True),
        (_manifest("ResourceQuota", spec={"hard": {"pods": "1"}}), False),
    ],
)
def test_each_other_kind_is_ready_by_its_status(live, ready):
    assert _verdict(live, live).ready is ready


def _around(*objects):
    found = {(each["kind"], each["metadata"]["name"]): each for each in objects}
    return lambda _version, kind, name: found.get((kind, name))


def _endpoints(**subset):
    found = _manifest("Endpoints", subsets=[subset] if subset else None)
    found["metadata"]["resourceVersion"] = "7"
    return found


SELECTS: dict[str, Any] = {"selector": {"app": "x"}}
ADDRESS = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}


@pytest.mark.parametrize(
    ("spec", "status", "around", "ready", "settle"),
    [
        ({}, {}, [], True, 0),
        ({"type": "ExternalName", **SELECTS}, {}, [], True, 0),
        ({"clusterIP": "None", **SELECTS}, {}, [], True, 0),
        (SELECTS, {}, [_endpoints(addresses=[{}])], True, beside.STRAGGLERS),
        (SELECTS, {}, [_endpoints()], True, beside.STRAGGLERS),
        (SELECTS, {}, [], True, float("inf")),
        (SELECTS, {}, [_endpoints(addresses=[{}], notReadyAddresses=[{}])], False, 0),
        ({"type": "LoadBalancer"}, {}, [], False, 0),
        ({"type": "LoadBalancer"}, ADDRESS, [], True, 0),
        ({"type": "LoadBalancer", **SELECTS}, {}, [_endpoints(addresses=[{}])], False, 0),
        ({"type": "LoadBalancer", **SELECTS}, ADDRESS, [_endpoints(addresses=[{}])], True, beside.STRAGGLERS),
    ],
)
def test_a_service_is_ready_when_it_has_an_address_and_no_endpoint_lags(spec, status, around, ready, settle):
    verdict = beside.service(_around(*around), _manifest("Service", spec=spec, status=status))

    assert (verdict.ready, verdict.settle) == (ready, settle)


def _ingress(*services, **status):
    paths = [{"backend": {"service": {"name": name}}} for name in services]
    paths.append({"backend": {"resource": {"kind": "Bucket"}}})
    spec = {"rules": [{"http": {"paths": paths}}, {"host": "example.test"}]}
    return _manifest("Ingress", "networking.k8s.io/v1", spec=spec, status=status)


EXTERNAL = {**_manifest("Service", spec={"type": "ExternalName"}), "metadata": {"name": "far"}}


@pytest.mark.parametrize(
    ("live", "ready", "settle"),
    [
        (_ingress("x"), False, 0),
        (_ingress("x", **ADDRESS), True, 0),
        (_ingress(**ADDRESS), True, 0),
        (_ingress("far", **ADDRESS), True, 0),
        (_ingress("x", "none", **ADDRESS), False, beside.STRAGGLERS),
        (_ingress("none", **ADDRESS), False, 60),
    ],
)
def test_an_ingress_is_ready_when_it_has_an_address_and_something_behind_each_path(live, ready, settle):
    verdict = beside.ingress(_around(_endpoints(), EXTERNAL), live)

    assert (verdict.ready, verdict.settle) == (ready, settle)
    assert verdict.ready or verdict.missing


def test_what_has_yet_to_settle_is_good_enough_for_one_who_looks_once():
    assert beside.ingress(_around(_endpoints()), _ingress("x", "none", **ADDRESS)).holds
    assert not beside.ingress(_around(), _ingress("x")).holds


def _class(mode):
    return {
        **_manifest("StorageClass", "storage.k8s.io/v1", volumeBindingMode=mode),
        "metadata": {"name": "c"},
    }


@pytest.mark.parametrize(
    ("phase", "mode", "ready"),
    [
        ("Bound", "Immediate", True),
        ("Pending", "Immediate", False),
        ("Pending", "WaitForFirstConsumer", True),
        ("Bound", "WaitForFirstConsumer", True),
        ("Lost", "WaitForFirstConsumer", False),
    ],
)
def test_a_claim_is_ready_when_it_is_bound_or_will_be_by_its_first_pod(phase, mode, ready):
    live = _manifest("PersistentVolumeClaim", spec={"storageClassName": "c"}, status={"phase": phase})

    assert beside.claim(_around(_class(mode)), live).ready is ready


class _Nothing:
    def get(self, _manifest):
        return None


@pytest.mark.parametrize(
    ("kind", "version", "annotation", "told"),
    [
        ("Deployment", "apps/v1", {}, True),
        ("PersistentVolumeClaim", "v1", {}, False),
        ("ReplicationController", "v1", {}, False),
        ("ConfigMap", "v1", {}, False),
        ("ConfigMap", "v1", {"pulumi.com/waitFor": "condition=Ready"}, True),
        ("Deployment", "apps/v1", {"pulumi.com/skipAwait": "true"}, False),
    ],
)
def test_a_refresh_tells_of_the_kinds_that_are_looked_at_again(kind, version, annotation, told):
    live = _manifest(kind, version, spec={"replicas": 1}, status={})
    live["metadata"] |= {"generation": 1, "annotations": annotation}
    nothing: Any = _Nothing()

    assert bool(awaiting.missing(nothing, live, live)) is told
