import pytest

from atoll.provider.kubernetes import readiness


def _verdict(manifest, live):
    rule = readiness.rule(manifest)
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
    assert readiness.rule(_manifest("ConfigMap")) is None
    assert readiness.rule(_manifest("Deployment", "example.test/v1")) is None
