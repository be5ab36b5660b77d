"""What Karmada's chart is told: highly available, with certificates of ours, its images by their version. Pure.

Source: charts/karmada/values.yaml.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from atoll.federation.chart.identity import Identity
from atoll.helm import values as layers

RELEASE = "karmada"
"""What the chart's objects are called after; it gives the etcd names of its own, so that a namespace holds one plane."""
_KARMADA = {
    "scheduler": "karmada-scheduler",
    "webhook": "karmada-webhook",
    "controllerManager": "karmada-controller-manager",
    "aggregatedApiServer": "karmada-aggregated-apiserver",
}
"""The programs of Karmada, and the label `app` of each."""
_KUBERNETES = {"apiServer": "karmada-apiserver", "kubeControllerManager": "kube-controller-manager"}
"""Those of Kubernetes, whose versions the chart pins."""
_PROBES = {
    "cluster-status-update-frequency": "5s",
    "cluster-failure-threshold": "5s",
    "cluster-success-threshold": "5s",
}
"""How Karmada looks at members, each 10 s, 30 s and 30 s by default: one that is gone is shown within 10 s.

A network lies between, so that a second probe has to fail too. One that takes connections and says nothing is shown
only after some 60 s: the chart gives no variables to this program, and its client's own time limit is 32 s a probe.
"""
_HOST = "kubernetes.io/hostname"


@dataclass(frozen=True)
class Settings:
    """What an inventory says of a control plane; `storage_class` empty is the cluster's default."""

    version: str
    replicas: int = 3
    storage_class: str = ""
    storage_size: str = "8Gi"
    values: Mapping[str, Any] = field(default_factory=dict)


def chart_values(settings: Settings, identity: Identity) -> dict[str, Any]:
    """The values: what the inventory says of them wins over all but the certificates."""
    made = _shaped(settings, _digest(identity))
    return layers.merged([made, settings.values, {"certs": _certificates(identity)}])


def _shaped(settings: Settings, digest: str) -> dict[str, Any]:
    tag = f"v{settings.version}"
    found: dict[str, Any] = {"installMode": "host", "karmadaImageVersion": tag}
    for name, label in (_KARMADA | _KUBERNETES).items():
        found[name] = {
            "replicaCount": settings.replicas,
            "podDisruptionBudget": {"maxUnavailable": 1},
            "affinity": _apart(label),
            # Programs read certificates as they start: other ones start them anew.
            "podAnnotations": {"atoll/certificates": digest},
        }
    for name in _KARMADA:
        found[name]["image"] = {"tag": tag}
    found["controllerManager"]["extraCommandArgs"] = dict(_PROBES)
    found["apiServer"]["serviceType"] = "LoadBalancer"
    pvc = {"storageClass": settings.storage_class or None, "size": settings.storage_size}
    internal = {"replicaCount": settings.replicas, "storageType": "pvc", "pvc": pvc}
    return found | {"etcd": {"mode": "internal", "internal": internal}}


def _apart(label: str) -> dict[str, Any]:
    """Each copy on a node of its own where there are as many nodes; the chart demands it of etcd, which needs it."""
    term = {"labelSelector": {"matchLabels": {"app": label}}, "topologyKey": _HOST}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": None,
            "preferredDuringSchedulingIgnoredDuringExecution": preferred,
        }
    }


def _certificates(identity: Identity) -> dict[str, Any]:
    pem = {name: each.decode() for name, each in identity.data().items()}
    custom = {
        "caCrt": pem["server-ca.crt"],
        "caKey": pem["server-ca.key"],
        "crt": pem["karmada.crt"],
        "key": pem["karmada.key"],
        "frontProxyCaCrt": pem["front-proxy-ca.crt"],
        "frontProxyCrt": pem["front-proxy-client.crt"],
        "frontProxyKey": pem["front-proxy-client.key"],
    }
    return {"mode": "custom", "custom": custom}


def _digest(identity: Identity) -> str:
    """Tells certificates from others; a key is never part of it."""
    public = identity.plane.certificate + identity.front_proxy.certificate
    return hashlib.sha256(public).hexdigest()[:16]
