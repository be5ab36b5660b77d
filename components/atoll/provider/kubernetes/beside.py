"""When an object is ready that is judged by what stands beside it: endpoints, services, a storage class. Pure.

Source: as for `readiness`.
"""

from typing import Any

from atoll.kubernetes import identities
from atoll.provider.kubernetes.manifests import Manifest
from atoll.provider.kubernetes.readiness import READY, Around, Verdict, waiting

STRAGGLERS = 10.0
"""Seconds after the last change of its endpoints in which a Service may get more of them."""
_SILENCE = 60.0
"""Seconds after which an Ingress no longer waits for services of none of which anything is heard."""
_NEVER = float("inf")


def service(around: Around, live: Manifest) -> Verdict:
    """A Service needs its load balancer's address, and no endpoint that is not ready yet.

    One without any endpoint is ready all the same: what it selects may be made later.
    """
    spec = live.get("spec") or {}
    addressed = spec.get("type") != "LoadBalancer" or _has_address(live)
    unaddressed = waiting("it has no address of a load balancer yet")
    if spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None" or not spec.get("selector"):
        return READY if addressed else unaddressed
    endpoints = around("v1", "Endpoints", identities.metadata(live)["name"])
    basis = _version(endpoints)
    if not addressed:
        return unaddressed._replace(basis=basis)
    if pending := sum(len(subset.get("notReadyAddresses") or []) for subset in _subsets(endpoints)):
        return waiting(f"{pending} of its endpoints not ready")._replace(basis=basis)
    settle = STRAGGLERS if endpoints else _NEVER
    return Verdict(ready=True, missing="its endpoints may still change", settle=settle, basis=basis)


def ingress(around: Around, live: Manifest) -> Verdict:
    """An Ingress needs an address, and endpoints behind each of its paths, unless none come for a while."""
    names = sorted(_backends(live))
    found = {name: around("v1", "Endpoints", name) for name in names}
    basis = " ".join(map(_version, found.values()))
    if not _has_address(live):
        return waiting("it has no address in status.loadBalancer yet")._replace(basis=basis)
    lacking = [name for name in names if found[name] is None and not _is_external(around, name)]
    if not lacking:
        return READY
    settle = _SILENCE if len(lacking) == len(names) else STRAGGLERS
    missing = f"no endpoints for service {', '.join(lacking)}"
    return Verdict(ready=False, missing=missing, settle=settle, basis=basis)


def claim(around: Around, live: Manifest) -> Verdict:
    """A PersistentVolumeClaim must be bound, unless its class binds it only when a pod asks for it."""
    phase = (live.get("status") or {}).get("phase")
    if phase == "Bound":
        return READY
    name = (live.get("spec") or {}).get("storageClassName")
    if name and phase == "Pending":
        found = around("storage.k8s.io/v1", "StorageClass", name) or {}
        if found.get("volumeBindingMode") == "WaitForFirstConsumer":
            return READY
    return waiting(f"phase {phase or 'not set'}, not Bound")


def _has_address(live: Manifest) -> bool:
    balancer = (live.get("status") or {}).get("loadBalancer") or {}
    return bool(balancer.get("ingress"))


def _subsets(endpoints: Manifest | None) -> list[dict[str, Any]]:
    return (endpoints or {}).get("subsets") or []


def _version(manifest: Manifest | None) -> str:
    return str(identities.metadata(manifest or {}).get("resourceVersion", ""))


def _backends(live: Manifest) -> set[str]:
    """The services that an Ingress's paths name."""
    rules = (live.get("spec") or {}).get("rules") or []
    paths = [path for rule in rules for path in (rule.get("http") or {}).get("paths") or []]
    services = [(path.get("backend") or {}).get("service") or {} for path in paths]
    return {str(each["name"]) for each in services if each.get("name")}


def _is_external(around: Around, name: str) -> bool:
    found = around("v1", "Service", name) or {}
    return bool((found.get("spec") or {}).get("type") == "ExternalName")
