"""What fails in the middle of a run and is mended within its time: the run goes on, nothing is doubled or left behind.

Checked against what the API server's own documentation asks of its clients
(kubernetes.io/docs/reference/using-api/api-concepts, "Efficient detection of changes" for watches;
kubernetes.io/docs/concepts/cluster-administration/flow-control for 429 and Retry-After), and against the engine's
rule that a resource whose write went through is in the state (pulumi.com/docs/iac/concepts/state-and-backends).
"""

import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from conformance.kubernetes.faults import WATCH, Fault, Proxy
from conformance.kubernetes.playing import made
from conformance.kubernetes.programs import Program

FAULTS = {
    "cut": Fault("", "", times=2),
    "cut-before": Fault("", "", times=2, delivered=False),
    "busy": Fault("", "", code=429, times=2, delivered=False, headers={"retry-after": "1"}),
    "busy-without-a-time": Fault("", "", code=429, times=2, delivered=False),
    "broken": Fault("", "", code=500, times=2),
    "broken-before": Fault("", "", code=500, times=2, delivered=False),
    "bad-gateway": Fault("", "", code=502, times=2),
    "unavailable": Fault("", "", code=503, times=2, delivered=False, headers={"retry-after": "1"}),
    "too-late": Fault("", "", code=504, times=2),
    "slow": Fault("", "", times=1, delay=2, slow=True),
}
PHASES = {"create": "PATCH", "update": "PATCH", "refresh": "GET", "destroy": "DELETE"}
_OBJECT = """
k8s.core.v1.ConfigMap("{0}", metadata=meta("{0}"), data={{"a": "VALUE"}}, opts=here())
"""


@dataclass
class Runs:
    """What was seen: runs and what they hit, the state after each, and the cluster's objects."""

    done: dict[str, Any] = field(default_factory=dict)
    hit: dict[str, list[str]] = field(default_factory=dict)
    uids: dict[str, dict[str, str]] = field(default_factory=dict)
    kept: dict[str, dict[str, Any]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def outages(folder, engine, api):
    """One object for each fault, through a whole life in which every phase meets its fault."""
    name = "outages"
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    proxy = Proxy(api)
    program, runs = Program(folder / name, engine, name, name, proxy.kubeconfig), Runs()
    body = "".join(_OBJECT.format(fault) for fault in FAULTS)
    try:
        for phase, method in PHASES.items():
            value = "1" if phase == "create" else "2"
            program.write(body.replace("VALUE", value), enable_config_map_mutable=True)
            faults = [
                replace(
                    fault,
                    method=method,
                    path=f"/configmaps/{each}?" if method == "PATCH" else f"/configmaps/{each}",
                )
                for each, fault in FAULTS.items()
            ]
            with proxy.failing(*faults):
                runs.done[phase] = getattr(program, "up" if method == "PATCH" else phase)()
                runs.hit[phase] = list(proxy.hit)
            found = api.items("v1", "ConfigMap", name)
            runs.uids[phase] = {each["metadata"]["name"]: each["metadata"]["uid"] for each in found}
            runs.kept[phase] = program.state()
    finally:
        proxy.stop()
    return runs


@pytest.mark.timeout(300)
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("fault", FAULTS)
def test_the_run_goes_on(fault, phase, outages):
    assert any(f"/configmaps/{fault}" in target.split("?")[0] + "?" for target in outages.hit[phase])
    run = outages.done[phase].succeeded()
    assert fault not in run.failed
    assert not run.warnings
    first, now = outages.uids["create"], outages.uids[phase]
    if phase == "destroy":
        assert fault not in now
        assert fault not in outages.kept[phase]
        return
    # One object, the same one from the first write on, and the state has it.
    assert now[fault] == first[fault]
    assert outages.kept[phase][fault]["outputs"]["metadata"]["uid"] == first[fault]
    assert not outages.kept[phase][fault].get("initErrors")


def test_nothing_but_what_was_declared_is_there(outages):
    assert set(outages.uids["update"]) == {*FAULTS, "kube-root-ca.crt"}
    assert set(outages.uids["destroy"]) == {"kube-root-ca.crt"}


GONE = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}
WATCHES = {
    "configmaps": ("core.v1.ConfigMap", None),
    "secrets": ("core.v1.Secret", Fault(WATCH, "/secrets")),
    "serviceaccounts": ("core.v1.ServiceAccount", Fault(WATCH, "/serviceaccounts", code=410)),
    "limitranges": ("core.v1.LimitRange", Fault(WATCH, "/limitranges", event=GONE)),
    "roles": ("rbac.v1.Role", Fault(WATCH, "/roles", code=403)),
    "leases": ("coordination.v1.Lease", Fault(WATCH, "/leases", event={}, times=3)),
    "networkpolicies": ("networking.v1.NetworkPolicy", Fault(WATCH, "/networkpolicies", delay=12)),
}
"""By what is watched: the SDK's class, and what becomes of the watch (nothing, cut, expired, refused, ended, silent)."""
_AWAITED = """
k8s.{1}("{0}", metadata=meta("{0}", annotations={{"pulumi.com/waitFor": "jsonpath={{.metadata.labels.go}}=yes",
        "pulumi.com/timeoutSeconds": "40"}}), {2}opts=here())
"""
_GROUPS = {
    "rbac": "rbac.authorization.k8s.io",
    "coordination": "coordination.k8s.io",
    "networking": "networking.k8s.io",
}
_MORE = {"networkpolicies": 'spec={"pod_selector": {}}, ', "limitranges": 'spec={"limits": []}, '}


def test_an_await_ends_whatever_becomes_of_its_watch(program, proxy, api, namespace):
    """Source: https://kubernetes.io/docs/reference/using-api/api-concepts (efficient detection of changes, 410 Gone)."""
    body = "".join(_AWAITED.format(name, kind, _MORE.get(name, "")) for name, (kind, _) in WATCHES.items())
    program.write(body, kubeconfig=proxy.kubeconfig)
    begun = time.monotonic()

    def labelled(kind):
        group, version, name = kind.split(".")
        api_version = "v1" if group == "core" else f"{_GROUPS[group]}/{version}"
        manifest = {"apiVersion": api_version, "kind": name, "metadata": {"namespace": namespace}}

        def play():
            if time.monotonic() - begun < 8:
                return False
            for found in api.items(api_version, name, namespace):
                merge = {"metadata": {"labels": {"go": "yes"}}}
                manifest["metadata"]["name"] = found["metadata"]["name"]
                api.request("PATCH", api.path(manifest), merge, content_type="application/merge-patch+json")
            return True

        return play

    with (
        proxy.failing(*[fault for _, fault in WATCHES.values() if fault]),
        made([labelled(kind) for kind, _ in WATCHES.values()]),
    ):
        program.up("--parallel", "100").succeeded()
        hit = " ".join(proxy.hit)
        asked = list(proxy.asked)

    assert all(f"/{name}?" in hit for name, (_, fault) in WATCHES.items() if fault)
    # Who has a watch does not ask while it says nothing.
    looks = [line for line in asked if line.startswith("GET") and line.endswith("/configmaps/configmaps")]
    assert len(looks) < 15
    program.destroy().succeeded()


MANY = """
for number in range(30):
    k8s.core.v1.ConfigMap(f"c-{number}", metadata=meta(f"c-{number}"), data={"a": "1"}, opts=here())
labels = {"app": "web"}
k8s.apps.v1.Deployment(
    "web",
    metadata=meta("web"),
    spec={
        "replicas": 2,
        "selector": {"match_labels": labels},
        "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "web", "image": "example.test/web"}]},
        },
    },
    opts=here(),
)
"""


def _killed_when(condition, kill, program):
    """Kills a process of the cluster once a condition holds, from a thread of its own."""

    def run():
        end = time.monotonic() + 60
        while not condition() and time.monotonic() < end:
            time.sleep(0.02)
        kill(program)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.parametrize("process", ["kube-apiserver", "etcd"])
def test_a_server_that_is_killed_in_the_middle_of_a_run_is_waited_for(process, program, kill, api, namespace):
    """Source: https://www.pulumi.com/docs/iac/concepts/state-and-backends (what was written is in the state)."""
    program.write(MANY)

    def count():
        return len(api.items("v1", "ConfigMap", namespace))

    shot = _killed_when(lambda: count() > 5, kill, process)
    program.up("--parallel", "4").succeeded()
    assert not shot.is_alive()
    assert api.patiently(30).items("apps/v1", "Deployment", namespace)[0]["status"]["availableReplicas"] == 2
    assert count() == 31
    assert program.up().succeeded().ops == {}

    shot = _killed_when(lambda: count() < 25, kill, process)
    program.destroy("--parallel", "4").succeeded()
    assert not shot.is_alive()
    assert [each["metadata"]["name"] for each in api.patiently(30).items("v1", "ConfigMap", namespace)] == [
        "kube-root-ca.crt"
    ]
    assert api.items("apps/v1", "Deployment", namespace) == []
    assert not [each for each in program.state().values() if each["custom"]]
