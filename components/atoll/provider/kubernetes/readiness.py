"""When an object is more than written: per kind, from the live object and those beside it. Pure.

Source: https://www.pulumi.com/registry/packages/kubernetes/api-docs (each kind's page says what it waits for) and the
awaiters of pulumi/pulumi-kubernetes, provider/pkg/await; for Deployment also kubectl's `rollout status`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from atoll.kubernetes import identities
from atoll.provider.kubernetes import manifests
from atoll.provider.kubernetes.manifests import Manifest

PATIENCE = 600.0
"""Seconds that anything is waited for unless somebody says otherwise; as the official plugin does."""
_PATIENCE = {
    # For the token controller; the official plugin gives it 5, too few on a busy machine.
    manifests.SECRET: 30.0,
    ("", "PersistentVolume"): 300.0,
    ("", "PersistentVolumeClaim"): 300.0,
    ("", "ResourceQuota"): 60.0,
}
_TOKEN_TYPE = "kubernetes.io/service-account-token"  # noqa: S105 - a type's name


class Verdict(NamedTuple):
    """Whether an object is ready; else what is missing, and whether waiting longer is in vain.

    A verdict with `settle` is not final before it was the same for so many seconds; `ready` is then what counts when
    the time is over. `basis` is what else must stay as it is meanwhile.
    """

    ready: bool
    missing: str = ""
    hopeless: bool = False
    settle: float = 0
    basis: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is ready for one who looks once and does not wait."""
        return self.ready or self.settle > 0


READY = Verdict(ready=True)
Rule = Callable[[Manifest], Verdict]
Around = Callable[[str, str, str], Manifest | None]
"""Looks up what stands beside an object, by API version, kind and name; None where there is no such thing."""


def waiting(missing: str) -> Verdict:
    """The verdict of an object that needs more time."""
    return Verdict(ready=False, missing=missing)


def hopeless(missing: str) -> Verdict:
    """The verdict of an object that will never be ready."""
    return Verdict(ready=False, missing=missing, hopeless=True)


def patience(manifest: Manifest) -> float:
    """Seconds that a kind is waited for unless somebody says otherwise."""
    return _PATIENCE.get(identities.group_kind(manifest), PATIENCE)


def of_itself(group_kind: tuple[str, str]) -> Rule | None:
    """The rule for a kind whose own status tells all, or None where being written is being ready."""
    return _RULES.get(group_kind)


def condition(live: Manifest, kind: str) -> dict[str, Any]:
    """A condition of an object's status by its type, whatever its case; empty where there is none."""
    found = (live.get("status") or {}).get("conditions") or []
    return next((entry for entry in found if str(entry.get("type", "")).lower() == kind.lower()), {})


def _is_true(live: Manifest, kind: str) -> bool:
    return condition(live, kind).get("status") == "True"


def _phase(live: Manifest) -> str:
    return str((live.get("status") or {}).get("phase") or "not set")


def _unobserved(live: Manifest) -> bool:
    """Whether the controller has not seen this generation yet, so that its counts are those of another one."""
    observed = (live.get("status") or {}).get("observedGeneration", 0)
    return bool(observed < live["metadata"].get("generation", 0))


_UNOBSERVED = waiting("the rollout is not observed yet")


def _deployment(live: Manifest) -> Verdict:
    status, want = live.get("status") or {}, live.get("spec", {}).get("replicas", 1)
    if _unobserved(live):
        return _UNOBSERVED
    progressing = condition(live, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return hopeless(f"{progressing.get('message')}{_refused(live)}")
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < want:
        return waiting(f"{updated} of {want} replicas updated{_refused(live)}")
    if status.get("replicas", 0) > updated:
        return waiting(f"{status['replicas'] - updated} old replicas are still there")
    if available < want:
        return waiting(f"{available} of {want} replicas available{_refused(live)}")
    return READY


def _refused(live: Manifest) -> str:
    """Why pods of a Deployment are refused (a quota, a policy), as far as its status says so."""
    failure = condition(live, "ReplicaFailure")
    return f" ({failure.get('message')})" if failure.get("status") == "True" else ""


def _stateful_set(live: Manifest) -> Verdict:
    if _unobserved(live):
        return _UNOBSERVED
    spec, status = live.get("spec") or {}, live.get("status") or {}
    want, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    # With OnDelete a human decides when the old pods go: only the first rollout is waited for to its end.
    by_hand = (spec.get("updateStrategy") or {}).get("type") == "OnDelete"
    whole = not (by_hand and live["metadata"].get("generation", 0) > 1)
    current, update = status.get("currentRevision", ""), status.get("updateRevision", "")
    if whole and (not current or current != update):
        return waiting(f"{status.get('updatedReplicas', 0)} of {want} replicas are of revision {update}")
    counts = {"there": status.get("replicas", 0), "ready": ready}
    if whole:
        counts["current"] = status.get("currentReplicas", 0)
    for word, count in counts.items():
        if count != want:
            return waiting(f"{count} of {want} replicas {word}")
    return READY


def _daemon_set(live: Manifest) -> Verdict:
    """Source: `daemonsetConditions` of sigs.k8s.io/cli-utils, pkg/kstatus/status, which the official awaiter asks."""
    status = live.get("status") or {}
    want = status.get("desiredNumberScheduled")
    if _unobserved(live) or want is None:
        return _UNOBSERVED
    counts = {
        "scheduled": "currentNumberScheduled",
        "updated": "updatedNumberScheduled",
        "available": "numberAvailable",
        "ready": "numberReady",
    }
    for word, field in counts.items():
        if status.get(field, 0) < want:
            return waiting(f"{status.get(field, 0)} of {want} pods {word}")
    return READY


def _replication_controller(live: Manifest) -> Verdict:
    if _unobserved(live):
        return _UNOBSERVED
    want = (live.get("spec") or {}).get("replicas", 1)
    available = (live.get("status") or {}).get("availableReplicas", 0)
    return READY if available == want else waiting(f"{available} of {want} replicas available")


def _job(live: Manifest) -> Verdict:
    status = live.get("status") or {}
    failed = condition(live, "Failed")
    if failed.get("status") == "True":
        return hopeless(f"it failed: {failed.get('reason')}: {failed.get('message')}")
    if status.get("startTime") and _is_true(live, "Complete"):
        return READY
    counts = ", ".join(f"{status.get(field, 0)} {field}" for field in ("active", "succeeded", "failed"))
    return waiting(f"its pods: {counts}" if status.get("startTime") else "it has not started")


def _pod(live: Manifest) -> Verdict:
    if _phase(live) == "Failed":
        return hopeless(f"it failed: {unready_pod(live)}")
    for kind in ("PodScheduled", "Initialized"):
        if not _is_true(live, kind):
            return waiting(f"not {kind} yet{_detail(live)}")
    if _is_true(live, "Ready") or _phase(live) == "Succeeded":
        return READY
    return waiting(f"not Ready yet{_detail(live)}")


def _detail(pod: Manifest) -> str:
    why = unready_pod(pod)
    return f" ({why})" if why else ""


def unready_pod(pod: Manifest) -> str:
    """What a pod's status says of why it is not ready; empty where it says nothing."""
    status = pod.get("status") or {}
    containers = [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]
    told = [
        text for each in containers if not each.get("ready") for text in [_unready_container(each)] if text
    ]
    said = [
        str(found["message"])
        for kind in ("PodScheduled", "Initialized", "Ready")
        for found in [condition(pod, kind)]
        if found.get("status") != "True" and found.get("message")
    ]
    reasons = [str(status[key]) for key in ("reason", "message") if status.get(key)]
    return "; ".join([*reasons, *said[:1], *told])


def _unready_container(status: dict[str, Any]) -> str:
    state = status.get("state") or {}
    paused, ended = state.get("waiting") or {}, state.get("terminated") or {}
    if paused.get("reason") not in {None, "ContainerCreating", "PodInitializing"}:
        return f"container {status.get('name')}: {paused['reason']} {paused.get('message') or ''}".rstrip()
    if ended.get("exitCode"):
        return f"container {status.get('name')} ended with exit code {ended['exitCode']}"
    return ""


def _persistent_volume(live: Manifest) -> Verdict:
    phase = _phase(live)
    return READY if phase in {"Available", "Bound"} else waiting(f"phase {phase}, not Available or Bound")


def _resource_quota(live: Manifest) -> Verdict:
    hard, counted = (live.get("spec") or {}).get("hard"), (live.get("status") or {}).get("hard")
    return READY if hard == counted else waiting("its limits are not counted yet")


def _custom_resource_definition(live: Manifest) -> Verdict:
    names = condition(live, "NamesAccepted")
    if names.get("status") == "False":
        return hopeless(f"its names are taken ({names.get('message')})")
    return READY if _is_true(live, "Established") else waiting("not Established yet")


def _api_service(live: Manifest) -> Verdict:
    available = condition(live, "Available")
    if available.get("status") == "True":
        return READY
    return waiting(f"not Available yet ({available.get('message') or 'not checked yet'})")


def _namespace(live: Manifest) -> Verdict:
    phase = _phase(live)
    return READY if phase == "Active" else waiting(f"phase {phase}, not Active")


def _secret(live: Manifest) -> Verdict:
    if live.get("type") != _TOKEN_TYPE or live.get("data"):
        return READY
    return waiting("the token controller did not fill it yet")


_RULES: dict[tuple[str, str], Rule] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("batch", "Job"): _job,
    ("", "Pod"): _pod,
    ("", "ReplicationController"): _replication_controller,
    ("", "PersistentVolume"): _persistent_volume,
    ("", "ResourceQuota"): _resource_quota,
    manifests.CRD: _custom_resource_definition,
    ("apiregistration.k8s.io", "APIService"): _api_service,
    ("", "Namespace"): _namespace,
    manifests.SECRET: _secret,
}
