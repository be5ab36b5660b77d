"""When an object is more than written: per kind, from the live object alone. Pure.

Source: the awaiters of the official plugin; for Deployment also kubectl's `rollout status`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from atoll.provider.kubernetes import manifests
from atoll.provider.kubernetes.manifests import Manifest

_TOKEN_TYPE = "kubernetes.io/service-account-token"  # noqa: S105 - a type's name
_TOKEN_PATIENCE = 30.0
"""Seconds for the token controller; the official plugin gives it 5, too few on a busy machine."""
PATIENCE = 600.0
"""Seconds that anything is waited for unless somebody says otherwise; as the official plugin does."""


class Verdict(NamedTuple):
    """Whether an object is ready; else what is missing, and whether waiting longer is in vain."""

    ready: bool
    missing: str = ""
    hopeless: bool = False


READY = Verdict(ready=True)
Rule = Callable[[Manifest], Verdict]


def waiting(missing: str) -> Verdict:
    """The verdict of an object that needs more time."""
    return Verdict(ready=False, missing=missing)


def rule(manifest: Manifest) -> Rule | None:
    """The rule for a kind, or None where being written is being ready."""
    return _RULES.get(manifests.group_kind(manifest))


def patience(manifest: Manifest) -> float:
    """Seconds that a kind is waited for unless somebody says otherwise."""
    return _TOKEN_PATIENCE if manifests.group_kind(manifest) == manifests.SECRET else PATIENCE


def condition(live: Manifest, kind: str) -> dict[str, Any]:
    """A condition of an object's status by its type, whatever its case; empty where there is none."""
    found = (live.get("status") or {}).get("conditions") or []
    return next((entry for entry in found if str(entry.get("type", "")).lower() == kind.lower()), {})


def _deployment(live: Manifest) -> Verdict:
    status, want = live.get("status") or {}, live.get("spec", {}).get("replicas", 1)
    if status.get("observedGeneration", 0) < live["metadata"].get("generation", 0):
        return waiting("the rollout is not observed yet")
    progressing = condition(live, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return Verdict(ready=False, missing=f"{progressing.get('message')}{_refused(live)}", hopeless=True)
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


def _custom_resource_definition(live: Manifest) -> Verdict:
    names = condition(live, "NamesAccepted")
    if names.get("status") == "False":
        return Verdict(ready=False, missing=f"its names are taken ({names.get('message')})", hopeless=True)
    return READY if condition(live, "Established").get("status") == "True" else waiting("not Established yet")


def _api_service(live: Manifest) -> Verdict:
    available = condition(live, "Available")
    if available.get("status") == "True":
        return READY
    return waiting(f"not Available yet ({available.get('message') or 'not checked yet'})")


def _namespace(live: Manifest) -> Verdict:
    phase = (live.get("status") or {}).get("phase")
    return READY if phase == "Active" else waiting(f"phase {phase or 'not set'}, not Active")


def _secret(live: Manifest) -> Verdict:
    if live.get("type") != _TOKEN_TYPE or live.get("data"):
        return READY
    return waiting("the token controller did not fill it yet")


_RULES: dict[tuple[str, str], Rule] = {
    ("apps", "Deployment"): _deployment,
    manifests.CRD: _custom_resource_definition,
    ("apiregistration.k8s.io", "APIService"): _api_service,
    ("", "Namespace"): _namespace,
    manifests.SECRET: _secret,
}
