"""Kind by kind: what is waited for when it is made and when it changes, checked against what is written of it.

The cases share four runs of one program, so that what is slow is waited for once. What no controller here does (a load
balancer's address, a pod that fails) a case plays: it writes the object's status as that controller would.
`source` names what a case is checked against: a page of the provider's documentation, or a test of its repository
(pulumi/pulumi-kubernetes, paths below provider/pkg/await unless they begin with tests/).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from conformance.kubernetes.playing import Stage, balanced, made, phased
from conformance.kubernetes.programs import Program

_DOCS = "pulumi.com/registry/packages/kubernetes/api-docs"
_PRELUDE = """
IMAGE = "example.test/a:VERSION"


def labels(name):
    return {"app": name}


def pods(name, selector=None, **more):
    return {
        "metadata": {"labels": labels(name)},
        "spec": {"node_selector": selector or {}, "containers": [{"name": "a", "image": IMAGE}], **more},
    }


def workload(name, selector=None, **more):
    return {"replicas": 2, "selector": {"match_labels": labels(name)}, "template": pods(name, selector), **more}


def port(selector=None, **more):
    return {"ports": [{"port": 80}], **({"selector": selector} if selector else {}), **more}


def volume(name, mode=None):
    return {
        "storage_class_name": name,
        "access_modes": ["ReadWriteOnce"],
        "capacity": {"storage": "1Mi"},
        "host_path": {"path": "/none"},
    }


def claim(name):
    return {
        "storage_class_name": name,
        "access_modes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Mi"}},
    }


def route(name=None, **backend):
    backend = backend or {"service": {"name": name, "port": {"number": 80}}}
    return {"http": {"paths": [{"path": "/", "path_type": "Prefix", "backend": backend}]}}


NOWHERE = {"pool": "none"}
APPS, CORE, NETWORK = k8s.apps.v1, k8s.core.v1, k8s.networking.v1


def named(name, /, **annotations):
    found = {f"pulumi.com/{key}": value for key, value in annotations.items()}
    return meta(name, annotations={"example.test/version": "VERSION", **found})
"""


@dataclass(frozen=True)
class Case:
    """Some resources of the shared program, the one that is looked at (the case's name), and what comes of it."""

    source: str
    body: str
    plays: Callable[[Any, str], Stage] | None = None
    """Who plays the controller that is missing here; it gets the API and the namespace."""
    check: Callable[[dict[str, Any]], Any] = field(default=lambda _outputs: True)
    """What holds of the object as the program gets to see it."""
    says: str = ""
    """What the error names, where it does not come."""
    pods: str = ""
    """What it names of the object's pods."""
    read: bool = True
    """Whether a refresh says so too."""


def _status(outputs):
    return outputs.get("status") or {}


COMES = {
    "stateful-set": Case(
        f"{_DOCS}/apps/v1/statefulset, conditions 1 and 2; statefulset_test.go: succeed after creating, after updating",
        'APPS.StatefulSet("stateful-set", metadata=named("stateful-set"), '
        'spec=workload("stateful-set", service_name="none"), opts=here())',
        check=lambda outputs: (
            _status(outputs)["readyReplicas"] == _status(outputs)["currentReplicas"] == 2
            and _status(outputs)["updateRevision"] == _status(outputs)["currentRevision"]
        ),
    ),
    "by-hand": Case(
        "statefulset_test.go: succeed after creating, after updating StatefulSet with OnDelete strategy",
        'APPS.StatefulSet("by-hand", metadata=named("by-hand"), spec=workload("by-hand", service_name="none", '
        'update_strategy={"type": "OnDelete"}), opts=here())',
        check=lambda outputs: _status(outputs)["readyReplicas"] == 2,
    ),
    "daemon-set": Case(
        "daemonset_test.go; tests/sdk/yaml/await_test.go: TestAwaitDaemonSet",
        'APPS.DaemonSet("daemon-set", metadata=named("daemon-set"), '
        'spec={"selector": {"match_labels": labels("daemon-set")}, "template": pods("daemon-set")}, opts=here())',
        check=lambda outputs: (
            _status(outputs)["numberReady"] == _status(outputs)["updatedNumberScheduled"] == 1
        ),
    ),
    "daemon-set-of-none": Case(
        "cli-utils kstatus, daemonsetConditions: no node wanted is no pod waited for",
        'APPS.DaemonSet("daemon-set-of-none", metadata=named("daemon-set-of-none"), '
        'spec={"selector": {"match_labels": labels("of-none")}, "template": pods("of-none", NOWHERE)}, opts=here())',
        check=lambda outputs: _status(outputs)["desiredNumberScheduled"] == 0,
    ),
    "deployment": Case(
        f"{_DOCS}/apps/v1/deployment, conditions 1 to 4",
        'APPS.Deployment("deployment", metadata=named("deployment"), spec=workload("deployment"), opts=here())',
        check=lambda outputs: (
            _status(outputs)["availableReplicas"] == _status(outputs)["updatedReplicas"] == 2
        ),
    ),
    "job": Case(
        f"{_DOCS}/batch/v1/job, conditions 1 and 2; checker/job/check_test.go: succeeded",
        'k8s.batch.v1.Job("job", metadata=named("job"), '
        'spec={"completions": 2, "parallelism": 2, "template": {"spec": {"restart_policy": "Never", '
        '"containers": [{"name": "a", "image": "example.test/a"}]}}}, opts=here())',
        check=lambda outputs: _status(outputs)["succeeded"] == 2,
    ),
    "pod": Case(
        f"{_DOCS}/core/v1/pod, conditions 1 to 3; checker/pod/check_test.go: ready",
        'CORE.Pod("pod", metadata=meta("pod", labels=labels("pod")), '
        'spec={"containers": [{"name": "a", "image": "example.test/a"}]}, opts=here())',
        check=lambda outputs: _status(outputs)["phase"] == "Running",
    ),
    "pod-that-ends": Case(
        f"{_DOCS}/core/v1/pod, the Pod succeeded; checker/pod/check_test.go: succeeded",
        'CORE.Pod("pod-that-ends", metadata=meta("pod-that-ends"), spec={"restart_policy": "Never", '
        '"node_selector": NOWHERE, "containers": [{"name": "a", "image": "example.test/a"}]}, opts=here())',
        plays=phased("pod-that-ends", "Succeeded", PodScheduled="True", Initialized="True", Ready="False"),
        check=lambda outputs: _status(outputs)["phase"] == "Succeeded",
    ),
    "service": Case(
        f"{_DOCS}/core/v1/service, conditions 2 and 3; service_test.go: Endpoints target a Pod",
        'CORE.Service("service", metadata=named("service"), spec=port(labels("pod")), opts=here())',
    ),
    "service-of-none": Case(
        "service_test.go: Should succeed with no endpoints",
        'CORE.Service("service-of-none", metadata=named("service-of-none"), spec=port(labels("none")), opts=here())',
    ),
    "service-in-short-time": Case(
        "service_test.go: Should succeed if Endpoints have settled when timeout occurs",
        'CORE.Service("service-in-short-time", metadata=named("service-in-short-time", timeoutSeconds="3"), '
        'spec=port(labels("pod")), opts=here())',
    ),
    "service-of-another-name": Case(
        "service_test.go: Should succeed if Externalname doesn't target any Pods",
        'CORE.Service("service-of-another-name", metadata=named("service-of-another-name", timeoutSeconds="5"), '
        'spec={"type": "ExternalName", "external_name": "example.test"}, opts=here())',
    ),
    "service-without-a-head": Case(
        "service_test.go: Should succeed if non-empty headless service doesn't target any Pods",
        'CORE.Service("service-without-a-head", metadata=named("service-without-a-head", timeoutSeconds="5"), '
        'spec=port(labels("none"), cluster_ip="None"), opts=here())',
    ),
    "service-without-a-selector": Case(
        "service_test.go: Should succeed if no selector; tests/sdk/yaml/await_test.go: TestAwaitService",
        'CORE.Service("service-without-a-selector", metadata=named("service-without-a-selector", '
        'timeoutSeconds="5"), spec=port(), opts=here())',
    ),
    "balanced-service": Case(
        f"{_DOCS}/core/v1/service, condition 4; service_test.go: Service is allocated an IP address",
        'CORE.Service("balanced-service", metadata=named("balanced-service"), spec=port(type="LoadBalancer"), '
        "opts=here())",
        plays=balanced("v1", "Service", "balanced-service"),
        check=lambda outputs: _status(outputs)["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.1",
    ),
    "ingress": Case(
        f"{_DOCS}/networking/v1/ingress, conditions 1 to 3; ingress_test.go: all paths match an existing Endpoint",
        'NETWORK.Ingress("ingress", metadata=named("ingress"), spec={"rules": [route("service")]}, opts=here())',
        plays=balanced("networking.k8s.io/v1", "Ingress", "ingress"),
        check=lambda outputs: _status(outputs)["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.1",
    ),
    "ingress-to-another-name": Case(
        "ingress_test.go: path references an ExternalName Service",
        'NETWORK.Ingress("ingress-to-another-name", metadata=named("ingress-to-another-name"), '
        'spec={"rules": [route("service-of-another-name")]}, opts=here())',
        plays=balanced("networking.k8s.io/v1", "Ingress", "ingress-to-another-name"),
    ),
    "ingress-to-a-resource": Case(
        "ingress_test.go: Ingress V1 is allocated an IP address and path references a Resource",
        'NETWORK.Ingress("ingress-to-a-resource", metadata=named("ingress-to-a-resource"), spec={"rules": '
        '[route(resource={"api_group": "example.test", "kind": "Bucket", "name": "b"})]}, opts=here())',
        plays=balanced("networking.k8s.io/v1", "Ingress", "ingress-to-a-resource"),
    ),
    "ingress-with-a-gap": Case(
        "ingress_test.go: Should succeed even if not all Ingress paths match existing Endpoints",
        'NETWORK.Ingress("ingress-with-a-gap", metadata=named("ingress-with-a-gap"), '
        'spec={"rules": [route("service"), route("none")]}, opts=here())',
        plays=balanced("networking.k8s.io/v1", "Ingress", "ingress-with-a-gap"),
    ),
    "claim": Case(
        "awaiters.go: PersistentVolumeClaim is Bound; CHANGELOG: an update of a bound claim is not waited for",
        'CORE.PersistentVolume("volume", metadata=named(f"{NAMESPACE}-v"), spec=volume(f"{NAMESPACE}-v"), '
        'opts=here())\nCORE.PersistentVolumeClaim("claim", metadata=named("claim"), '
        'spec=claim(f"{NAMESPACE}-v"), opts=here())',
        check=lambda outputs: _status(outputs)["phase"] == "Bound",
    ),
    "claim-of-a-first-consumer": Case(
        "tests/sdk/yaml/await_test.go: TestAwaitPVC, WaitForFirstConsumer",
        'sc = k8s.storage.v1.StorageClass("class", metadata=named(f"{NAMESPACE}-c"), '
        'provisioner="kubernetes.io/no-provisioner", volume_binding_mode="WaitForFirstConsumer", opts=here())\n'
        'CORE.PersistentVolumeClaim("claim-of-a-first-consumer", metadata=named("claim-of-a-first-consumer"), '
        'spec=claim(f"{NAMESPACE}-c"), opts=here(depends_on=[sc]))',
        check=lambda outputs: _status(outputs)["phase"] == "Pending",
    ),
    "lone-volume": Case(
        "awaiters.go: PersistentVolume is Available or Bound",
        'CORE.PersistentVolume("lone-volume", metadata=named(f"{NAMESPACE}-lone"), '
        'spec=volume(f"{NAMESPACE}-lone"), opts=here())',
        check=lambda outputs: _status(outputs)["phase"] == "Available",
    ),
    "replication-controller": Case(
        "awaiters.go: ReplicationController's availableReplicas are spec.replicas",
        'CORE.ReplicationController("replication-controller", metadata=named("replication-controller"), '
        'spec={"replicas": 2, "selector": labels("rc"), "template": pods("rc")}, opts=here())',
        check=lambda outputs: _status(outputs)["availableReplicas"] == 2,
    ),
    "quota": Case(
        "awaiters.go: ResourceQuota's status.hard is spec.hard",
        'CORE.ResourceQuota("quota", metadata=named("quota"), spec={"hard": {"count/secrets": "99"}}, opts=here())',
        check=lambda outputs: _status(outputs)["hard"] == {"count/secrets": "99"},
    ),
    "replica-set": Case(
        "awaiters.go names no ReplicaSet: it is written and not waited for",
        'APPS.ReplicaSet("replica-set", metadata=named("replica-set"), spec=workload("rs", NOWHERE), opts=here())',
    ),
    "written-path": Case(
        "pulumi.com/registry/packages/kubernetes, annotation waitFor; CHANGELOG 4.19: jsonpath={.status.phase}=Running",
        'CORE.Pod("written-path", metadata=meta("written-path", annotations={"pulumi.com/waitFor": '
        '"jsonpath={.status.phase}=Running"}), spec={"containers": [{"name": "a", "image": "example.test/a"}]}, '
        "opts=here())",
        check=lambda outputs: _status(outputs)["phase"] == "Running",
    ),
    "written-filter": Case(
        "CHANGELOG 4.23: jsonpath with an RFC9535 filter selects by condition",
        'APPS.Deployment("written-filter", metadata=named("written-filter", waitFor='
        "\"jsonpath={.status.conditions[?(@.type=='Available')].status}=True\"), "
        'spec=workload("written-filter"), opts=here())',
        check=lambda outputs: _status(outputs)["availableReplicas"],
    ),
    "written-list": Case(
        "metadata/overrides_test.go: TestReadyCondition, a JSON array of expressions",
        'APPS.Deployment("written-list", metadata=named("written-list", waitFor='
        '\'["condition=Available", "condition=Progressing=True", "jsonpath={.status.readyReplicas}=2"]\'), '
        'spec=workload("written-list"), opts=here())',
        check=lambda outputs: _status(outputs)["readyReplicas"] == 2,
    ),
    "written-before-kind": Case(
        "CHANGELOG 4.19: waitFor goes before the kind's own await",
        'APPS.Deployment("written-before-kind", metadata=named("written-before-kind", '
        'waitFor="jsonpath={.metadata.name}"), spec=workload("written-before-kind", NOWHERE), opts=here())',
        check=lambda outputs: not _status(outputs).get("availableReplicas"),
    ),
    "skipped-before-written": Case(
        "metadata/overrides_test.go: TestReadyCondition, skipAwait goes before waitFor",
        'APPS.Deployment("skipped-before-written", metadata=named("skipped-before-written", skipAwait="true", '
        'waitFor="condition=Available"), spec=workload("skipped-before-written", NOWHERE), opts=here())',
    ),
}
_SKIPPED = {
    "StatefulSet": 'APPS.StatefulSet("{0}", metadata={1}, spec=workload("{0}", NOWHERE, service_name="n"), opts=here())',
    "Job": 'k8s.batch.v1.Job("{0}", metadata={1}, spec={{"template": {{"spec": {{"node_selector": NOWHERE, '
    '"restart_policy": "Never", "containers": [{{"name": "a", "image": "example.test/a"}}]}}}}}}, opts=here())',
    "Pod": 'CORE.Pod("{0}", metadata={1}, spec={{"node_selector": NOWHERE, "containers": [{{"name": "a", '
    '"image": "example.test/a"}}]}}, opts=here())',
    "Service": 'CORE.Service("{0}", metadata={1}, spec=port(type="LoadBalancer"), opts=here())',
    "Ingress": 'NETWORK.Ingress("{0}", metadata={1}, spec={{"rules": [route("none")]}}, opts=here())',
    "PersistentVolumeClaim": 'CORE.PersistentVolumeClaim("{0}", metadata={1}, spec=claim("none"), opts=here())',
}
COMES |= {
    f"skipped-{kind.lower()}": Case(
        f"pulumi.com/registry/packages/kubernetes, annotation skipAwait; tests/sdk/yaml: TestAwaitSkip ({kind})",
        body.format(
            f"skipped-{kind.lower()}",
            f'meta("skipped-{kind.lower()}", annotations={{"pulumi.com/skipAwait": "true"}})',
        ),
    )
    for kind, body in _SKIPPED.items()
}

FAILS = {
    "stateful-set": Case(
        "statefulset_test.go: Should fail if timeout occurs before successful creation",
        'APPS.StatefulSet("stateful-set", metadata=short("stateful-set"), '
        'spec=workload("stateful-set", NOWHERE, service_name="none"), opts=here())',
        says="1 of 2 replicas there",
    ),
    "daemon-set": Case(
        "daemonset_test.go: TestAwaitDaemonSetCreation, timeout",
        'APPS.DaemonSet("daemon-set", metadata=short("daemon-set"), spec={"selector": {"match_labels": '
        'labels("daemon-set")}, "template": {"metadata": {"labels": labels("daemon-set")}, "spec": {"containers": '
        '[{"name": "a", "image": "a", "resources": {"requests": {"cpu": "999"}}}]}}}, opts=here())',
        says="0 of 1 pods available",
    ),
    "deployment": Case(
        f"{_DOCS}/apps/v1/deployment; pod errors are told with it (deployment_test.go: aggregated pod errors)",
        'APPS.Deployment("deployment", metadata=short("deployment"), spec=workload("deployment", NOWHERE), '
        "opts=here())",
        says="0 of 2 replicas available",
        pods="didn't match Pod's node affinity/selector",
    ),
    "job-past-its-deadline": Case(
        f"{_DOCS}/batch/v1/job, condition 3: fails at once; checker/job/check_test.go: deadlineExceeded",
        'k8s.batch.v1.Job("job-past-its-deadline", metadata=meta("job-past-its-deadline"), '
        'spec={"active_deadline_seconds": 1, "template": {"spec": {"node_selector": NOWHERE, '
        '"restart_policy": "Never", "containers": [{"name": "a", "image": "a"}]}}}, opts=here())',
        says="DeadlineExceeded",
    ),
    "job": Case(
        f"{_DOCS}/batch/v1/job, condition 2: Complete is waited for to the end of the time",
        'k8s.batch.v1.Job("job", metadata=short("job"), spec={"template": {"spec": {"node_selector": NOWHERE, '
        '"restart_policy": "Never", "containers": [{"name": "a", "image": "a"}]}}}, opts=here())',
        says="1 active, 0 succeeded",
    ),
    "pod": Case(
        "checker/pod/check_test.go: unscheduled",
        'CORE.Pod("pod", metadata=short("pod"), spec={"node_selector": NOWHERE, "containers": [{"name": "a", '
        '"image": "a"}]}, opts=here())',
        says="not PodScheduled yet (0/1 nodes are available",
    ),
    "pod-that-failed": Case(
        "kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle: a Failed pod never comes back",
        'CORE.Pod("pod-that-failed", metadata=meta("pod-that-failed"), spec={"restart_policy": "Never", '
        '"node_selector": NOWHERE, "containers": [{"name": "a", "image": "a"}]}, opts=here())',
        plays=phased("pod-that-failed", "Failed", PodScheduled="True", Initialized="True", Ready="False"),
        says="it failed",
    ),
    "service": Case(
        f"{_DOCS}/core/v1/service, condition 3; service_test.go: Should fail if Endpoints have not initialized",
        'CORE.Pod("unready", metadata=meta("unready", labels=labels("unready"), annotations={"pulumi.com/skipAwait": '
        '"true"}), spec={"node_name": "none", "containers": [{"name": "a", "image": "a"}]}, opts=here())\n'
        'CORE.Service("service", metadata=short("service"), spec=port(labels("unready")), opts=here())',
        plays=phased(
            "unready", "Running", ip="192.0.2.7", PodScheduled="True", Initialized="True", Ready="False"
        ),
        says="1 of its endpoints not ready",
    ),
    "balanced-service": Case(
        "service_test.go: Should fail if Service is not allocated an IP address",
        'CORE.Service("balanced-service", metadata=short("balanced-service"), spec=port(type="LoadBalancer"), '
        "opts=here())",
        says="no address of a load balancer",
    ),
    "ingress": Case(
        "ingress_test.go: Should fail if Ingress is not allocated an IP address",
        'NETWORK.Ingress("ingress", metadata=short("ingress"), spec={"rules": [route("none")]}, opts=here())',
        says="no address in status.loadBalancer",
    ),
    "claim": Case(
        "awaiters.go: PersistentVolumeClaim is Bound within its time; it has no awaitRead",
        'CORE.PersistentVolumeClaim("claim", metadata=short("claim"), spec=claim("none"), opts=here())',
        says="phase Pending, not Bound",
        read=False,
    ),
    "replication-controller": Case(
        "awaiters.go: ReplicationController's replicas are available within its time; it has no awaitRead",
        'CORE.ReplicationController("replication-controller", metadata=short("replication-controller"), '
        'spec={"replicas": 2, "selector": labels("rc"), "template": pods("rc", NOWHERE)}, opts=here())',
        says="0 of 2 replicas available",
        read=False,
    ),
    "written-list-of-values": Case(
        "CHANGELOG 4.19: a jsonpath that matches no single value is no longer waited for",
        'CORE.ConfigMap("written-list-of-values", metadata=meta("written-list-of-values", annotations={'
        '"pulumi.com/waitFor": "jsonpath={.metadata.labels}=x"}, labels=labels("x")), data={"a": "1"}, opts=here())',
        says="no single value",
    ),
    "written-other-status": Case(
        "metadata/overrides_test.go: TestReadyCondition, condition=Type=Status",
        'APPS.Deployment("written-other-status", metadata=short("written-other-status", '
        'waitFor="condition=Progressing=False"), spec=workload("written-other-status"), opts=here())',
        says="condition Progressing is True, not False",
    ),
    "limit-of-the-resource": Case(
        "metadata/overrides_test.go: TestTimeoutSeconds, customTimeouts go before the annotation",
        'CORE.Pod("limit-of-the-resource", metadata=meta("limit-of-the-resource", annotations={'
        '"pulumi.com/timeoutSeconds": "600"}), spec={"node_selector": NOWHERE, "containers": [{"name": "a", '
        '"image": "a"}]}, opts=here(custom_timeouts=pulumi.CustomTimeouts(create="2s", update="2s")))',
        says="not PodScheduled yet",
    ),
}
_SHORT = """

def short(name, /, **annotations):
    return named(name, timeoutSeconds="3", **annotations)
"""


def _program(cases, version="1"):
    bodies = "\n".join(case.body for case in cases.values())
    return (_PRELUDE + _SHORT).replace("VERSION", version) + bodies + "\n"


@pytest.fixture(scope="module")
def space(folder, engine, api, kubeconfig):
    """Makes a program in a namespace of its own, for all cases of a table."""

    def make(name):
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return Program(folder / name, engine, name, name, kubeconfig)

    return make


@dataclass
class Runs:
    """What was seen of a table's cases: runs by name, states after them, and what was left in the cluster."""

    done: dict[str, Any] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def _up(program, api, cases, *options):
    stages = [case.plays(api, program.namespace) for case in cases.values() if case.plays]
    with made(stages):
        return program.up("--parallel", "100", *options)


def _left(api, state):
    found = (
        entry["outputs"] for entry in state.values() if entry["custom"] and "metadata" in entry["outputs"]
    )
    return [each["metadata"]["name"] for each in found if api.get(each) is not None]


@pytest.fixture(scope="module")
def comes(space, api):
    """All that becomes ready: previewed, made, run again, changed, read, destroyed."""
    program, runs = space("comes"), Runs()
    program.write(_program(COMES))
    runs.done["preview"] = program.preview()
    runs.done["create"] = _up(program, api, COMES)
    runs.states["create"] = program.state()
    runs.done["same"] = program.preview("--refresh")
    program.write(_program(COMES, "2"))
    runs.done["update"] = _up(program, api, COMES)
    runs.states["update"] = program.state()
    runs.done["again"] = program.up()
    runs.done["destroy"] = program.destroy()
    runs.left = _left(api, runs.states["update"])
    return runs


@pytest.fixture(scope="module")
def fails(space, api):
    """All that does not: made in vain, read, tried again, destroyed."""
    program, runs = space("fails"), Runs()
    program.write(_program(FAILS))
    runs.done["create"] = _up(program, api, FAILS, "--continue-on-error")
    runs.states["create"] = program.state()
    runs.done["refresh"] = program.refresh()
    runs.done["again"] = _up(program, api, FAILS, "--continue-on-error")
    runs.states["again"] = program.state()
    runs.done["destroy"] = program.destroy()
    runs.left = _left(api, runs.states["again"])
    return runs


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", COMES)
def test_it_is_awaited_and_comes(name, comes):
    case = COMES[name]
    assert case.source
    assert comes.done["preview"].succeeded().steps[name].op == "create"
    assert comes.done["create"].succeeded().steps[name].op == "create"
    assert case.check(comes.states["create"][name]["outputs"])
    assert comes.done["same"].succeeded().steps[name].op in {"same", "refresh"}
    assert name not in comes.done["same"].ops
    comes.done["update"].succeeded()
    assert case.check(comes.states["update"][name]["outputs"])
    before, after = (comes.states[each][name]["outputs"]["metadata"]["uid"] for each in ("create", "update"))
    assert before == after
    assert comes.done["again"].succeeded().ops == {}
    comes.done["destroy"].succeeded()
    assert name not in comes.left


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", FAILS)
def test_it_is_awaited_and_does_not_come(name, fails):
    case = FAILS[name]
    assert case.source
    told = [text for text in fails.done["create"].errors if f"/{name}:" in text or f" {name}:" in text]
    assert any(case.says in text and case.pods in text for text in told), fails.done["create"].text
    kept = fails.states["create"][name]
    assert kept["outputs"]["metadata"]["uid"]
    assert kept["initErrors"]

    # A refresh says again what the provider reads again, and the next run waits again for that.
    warned = any(case.says in text and name in text for text in fails.done["refresh"].succeeded().warnings)
    assert warned is case.read
    again = fails.done["again"].steps[name].op
    assert again == ("update" if case.read else "same")
    assert fails.states["again"][name]["outputs"]["metadata"]["uid"] == kept["outputs"]["metadata"]["uid"]
    fails.done["destroy"].succeeded()
    assert name not in fails.left
