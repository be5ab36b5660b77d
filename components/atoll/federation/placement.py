"""The policies of a propagation: what goes where, and what is different there. Pure.

Source: https://karmada.io/docs/reference/karmada-api/policy-resources
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from atoll.core import naming
from atoll.kubernetes import identities, is_namespaced

Manifest = dict[str, Any]
Rule = tuple[Sequence[str], Sequence[Mapping[str, Any]]]
"""(Cluster names, patches); a patch is {op, path, value} as in RFC 6902."""
_API = "policy.karmada.io/v1alpha1"
FAILED = f"{naming.PACKAGE}.dev/failed"
"""The taint of a cluster that is not Ready, by which replicas leave it. Karmada's own ones keep new ones away alone."""
_MOVE_AFTER_SECONDS = 15
"""A local API server that was killed is started anew within 7 s and Ready 6 s later: for that nothing is to move."""
SKIP_AUTO_PROPAGATION = {"namespace.karmada.io/skip-auto-propagation": "true"}
"""Without it Karmada carries every namespace of the plane to every member, whatever the placement says."""

FIRST = ("Namespace", "CustomResourceDefinition")
"""Kinds that others need to be there before they can be written."""

AWAITED_KINDS = frozenset(
    {
        "DaemonSet",
        "Deployment",
        "Ingress",
        "Job",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "Pod",
        "ReplicaSet",
        "ReplicationController",
        "ResourceQuota",
        "Service",
        "StatefulSet",
    }
)
"""Kinds whose readiness Pulumi's provider awaits; on the plane nothing ever makes them ready."""

_UNFIT = re.compile(r"[^a-z0-9.-]")
_ROLE_LENGTH = 150


def role(manifest: Manifest) -> str:
    """What an object is called among the children of its propagation: `deployment.apps.guestbook.frontend`.

    It is also a part of its override policy's name, so that what Kubernetes does not allow there is replaced. The
    group is there since two groups may have a kind of one name; a dot stands in no kind and no namespace.
    """
    group, kind, namespace, name = identities.of(manifest)
    exact = ".".join(filter(None, (kind.lower(), group, namespace, name)))
    fitted = _UNFIT.sub("-", exact.lower())[:_ROLE_LENGTH]
    if fitted == exact:
        return fitted
    return f"{fitted}-{hashlib.sha256(exact.encode()).hexdigest()[:8]}"


def template(manifest: Manifest) -> Manifest:
    """The manifest as it goes onto the plane.

    It says its namespace where it certainly has one: a plan may be made before there is a plane that fills it in.
    """
    metadata = dict(manifest["metadata"])
    if is_namespaced(manifest["apiVersion"], manifest["kind"]):
        metadata = {**metadata, "namespace": metadata.get("namespace") or "default"}
    labels, annotations = dict(metadata.get("labels") or {}), dict(metadata.get("annotations") or {})
    labels.setdefault(naming.MARK, naming.PACKAGE)
    if manifest["kind"] == "Namespace":
        labels |= SKIP_AUTO_PROPAGATION
    if manifest["kind"] in AWAITED_KINDS:
        annotations["pulumi.com/skipAwait"] = "true"
    return {**manifest, "metadata": {**metadata, "labels": labels, "annotations": annotations}}


def selector(manifest: Manifest) -> Manifest:
    """How a policy finds an object."""
    metadata = manifest["metadata"]
    found = {"apiVersion": manifest["apiVersion"], "kind": manifest["kind"], "name": metadata["name"]}
    return found | ({"namespace": metadata["namespace"]} if metadata.get("namespace") else {})


def propagation_policy(name: str, resources: Sequence[Manifest], clusters: Sequence[str]) -> Manifest:
    """One policy for objects that go to exactly these clusters, each with all replicas, and stay there.

    They bear the taint that is for others' replicas: it is the cluster's, and drives out what does not say so.
    """
    placement = {
        "clusterAffinity": {"clusterNames": sorted(clusters)},
        "clusterTolerations": [_toleration()],
        "replicaScheduling": {"replicaSchedulingType": "Duplicated"},
    }
    spec = {"resourceSelectors": [selector(resource) for resource in resources], "placement": placement}
    return _policy("ClusterPropagationPolicy", name, spec)


def moves(manifest: Manifest) -> bool:
    """Whether an object's replicas can run in another cluster.

    Not those of a StatefulSet, whose volumes stay where they are, nor a Job, which would begin anew.
    """
    return manifest["kind"] == "Deployment" and str(manifest["apiVersion"]).startswith("apps/")


def failover_policy(name: str, resources: Sequence[Manifest], clusters: Sequence[str]) -> Manifest:
    """One policy for objects whose replicas are shared out equally over those of these clusters that are Ready."""
    names = sorted(clusters)
    weights = {"staticWeightList": [{"targetCluster": {"clusterNames": names}, "weight": 1}]}
    placement = {
        "clusterAffinity": {"clusterNames": names},
        "clusterTolerations": [{**_toleration(), "tolerationSeconds": _MOVE_AFTER_SECONDS}],
        "replicaScheduling": {
            "replicaSchedulingType": "Divided",
            "replicaDivisionPreference": "Weighted",
            "weightPreference": weights,
        },
    }
    spec = {"resourceSelectors": [selector(resource) for resource in resources], "placement": placement}
    return _policy("ClusterPropagationPolicy", name, spec)


def taint_policy(name: str, clusters: Sequence[str]) -> Manifest:
    """What taints these clusters while they are not Ready: without it Karmada moves nothing."""
    spec = {
        "targetClusters": {"clusterNames": sorted(clusters)},
        "addOnConditions": [_when("False", "Unknown")],
        "removeOnConditions": [_when("True")],
        "taints": [{"key": FAILED, "effect": "NoExecute"}],
    }
    return _policy("ClusterTaintPolicy", name, spec)


def _toleration() -> Manifest:
    return {"key": FAILED, "operator": "Exists", "effect": "NoExecute"}


def _when(*statuses: str) -> Manifest:
    return {"conditionType": "Ready", "operator": "In", "statusValues": list(statuses)}


def disjoint(rules: Sequence[Rule]) -> list[tuple[list[str], list[Mapping[str, Any]]]]:
    """Rules of which no two are for one cluster: each cluster with all of its patches, in their order.

    Clusters that the same rules are for stay together. Values are not looked at: they may not be known yet.
    """
    together: dict[tuple[int, ...], list[str]] = {}
    for cluster in sorted({name for clusters, _ in rules for name in clusters}):
        theirs = tuple(index for index, (clusters, _) in enumerate(rules) if cluster in clusters)
        together.setdefault(theirs, []).append(cluster)
    return [
        (clusters, [patch for index in theirs for patch in rules[index][1]])
        for theirs, clusters in sorted(together.items())
    ]


def override_policy(name: str, resource: Manifest, rules: Sequence[Rule]) -> Manifest:
    """One policy for one object: for each group of clusters, the JSON patches of their copy."""
    spec = {
        "resourceSelectors": [selector(resource)],
        "overrideRules": [
            {
                "targetCluster": {"clusterNames": sorted(clusters)},
                "overriders": {"plaintext": [_plaintext(patch) for patch in patches]},
            }
            for clusters, patches in rules
        ],
    }
    return _policy("ClusterOverridePolicy", name, spec)


def _plaintext(patch: Mapping[str, Any]) -> Manifest:
    value = {} if patch["op"] == "remove" else {"value": patch["value"]}
    return {"path": patch["path"], "operator": patch["op"], **value}


def _policy(kind: str, name: str, spec: Manifest) -> Manifest:
    metadata = {"name": name, "labels": {naming.MARK: naming.PACKAGE}}
    return {"apiVersion": _API, "kind": kind, "metadata": metadata, "spec": spec}
