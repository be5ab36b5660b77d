"""Karmada's own objects for a local control plane, made from its reference manifests. Pure.

The manifests come from the Karmada module at its pinned version; here they are only fitted to loopback.
"""

import base64
from collections.abc import Iterable
from typing import Any

import yaml

from atoll.federation.joining import CLUSTER_NAMESPACE, SYSTEM_LABEL
from atoll.federation.local.programs import AGGREGATED, SYSTEM_NAMESPACE
from atoll.federation.works import BUNDLE

Manifest = dict[str, Any]
_CONVERTED = {"resourcebindings.work.karmada.io", "clusterresourcebindings.work.karmada.io"}
_WORK_WEBHOOK = "work.karmada.io"
_WEBHOOK_SERVICE = "https://karmada-webhook.karmada-system.svc:443"


def namespaces() -> list[Manifest]:
    """The namespaces for leases and for the members' secrets."""
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": SYSTEM_LABEL}}
        for name in (SYSTEM_NAMESPACE, CLUSTER_NAMESPACE)
    ]


def custom_resource_definitions(texts: Iterable[str], webhook: str, authority: bytes) -> list[Manifest]:
    """Karmada's kinds; bindings are converted between versions by the webhook at the address `webhook`."""
    found = [yaml.safe_load(text) for text in texts]
    for definition in found:
        if definition["metadata"]["name"] in _CONVERTED:
            definition["spec"]["conversion"] = {
                "strategy": "Webhook",
                "webhook": {
                    "clientConfig": {"url": f"{webhook}/convert", "caBundle": _encoded(authority)},
                    "conversionReviewVersions": ["v1"],
                },
            }
    return found


def aggregation(port: int, authority: bytes) -> list[Manifest]:
    """How the API server finds the aggregated one, which serves the kind Cluster."""
    metadata = {"name": AGGREGATED, "namespace": SYSTEM_NAMESPACE}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"type": "ExternalName", "externalName": "localhost"},
    }
    api = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1alpha1.cluster.karmada.io", "labels": SYSTEM_LABEL},
        "spec": {
            "group": "cluster.karmada.io",
            "version": "v1alpha1",
            "groupPriorityMinimum": 2000,
            "versionPriority": 10,
            "caBundle": _encoded(authority),
            "service": {**metadata, "port": port},
        },
    }
    return [service, api]


def webhook_configurations(text: str, webhook: str, authority: bytes) -> list[Manifest]:
    """The admission webhooks at the address `webhook`, from artifacts/deploy/webhook-configuration.yaml.

    The Works of bundles are written as they are to be: the webhook would read and write each of their manifests, which took
    a third of the time of a change of all of 17 members.
    """
    fitted = documents(text.replace(_WEBHOOK_SERVICE, webhook).replace("{{caBundle}}", _encoded(authority)))
    for entry in (entry for each in fitted for entry in each.get("webhooks") or []):
        if entry["name"] == _WORK_WEBHOOK:
            entry["objectSelector"] = {"matchExpressions": [{"key": BUNDLE, "operator": "DoesNotExist"}]}
    return fitted


def documents(text: str) -> list[Manifest]:
    """The objects of a file with several."""
    return [document for document in yaml.safe_load_all(text) if document]


def _encoded(certificate: bytes) -> str:
    return base64.b64encode(certificate).decode()
