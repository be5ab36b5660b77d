"""Policies for bundles to carry."""

from typing import Any

from bench import bundle

Manifest = dict[str, Any]
inputs = bundle.inputs


def namespace(name: str) -> Manifest:
    """A namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def config(name: str, space: str, **data: str) -> Manifest:
    """A ConfigMap."""
    metadata = {"name": name, "namespace": space}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def role(name: str, *verbs: str) -> Manifest:
    """A ClusterRole for pods."""
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": list(verbs)}]
    metadata = {"name": name}
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": metadata,
        "rules": rules,
    }


def closed(name: str, space: str) -> Manifest:
    """A NetworkPolicy that lets nothing in."""
    metadata = {"name": name, "namespace": space}
    spec = {"podSelector": {}, "policyTypes": ["Ingress"]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def quota(name: str, space: str) -> Manifest:
    """A ResourceQuota whose amounts the API server writes in its own way."""
    spec = {"hard": {"requests.cpu": "1000m", "pods": "10"}}
    metadata = {"name": name, "namespace": space}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": spec}


def denial(name: str, key: str) -> list[Manifest]:
    """A policy by which a cluster takes no ConfigMap with a key."""
    group = "admissionregistration.k8s.io/v1"
    rules = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["configmaps"],
    }
    spec = {
        "matchConstraints": {"resourceRules": [rules]},
        "validations": [{"expression": f"!has(object.data.{key})", "message": f"{key} is not allowed here"}],
    }
    policy = {
        "apiVersion": group,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": spec,
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    kind = "ValidatingAdmissionPolicyBinding"
    return [policy, {"apiVersion": group, "kind": kind, "metadata": {"name": name}, "spec": binding}]
