"""Members that join a plane by the product's own effects and objects, without an engine."""

from typing import Any

from atoll.core.effect import Context
from atoll.federation.joining import CLUSTER_NAMESPACE, impersonator_secret
from atoll.federation.joining_effects import MemberAccess
from atoll.federation.member_effects import MemberStatus
from atoll.kubernetes import Api, Kubeconfig


def join(plane: str, name: str, access: str) -> None:
    """Makes a cluster a member and waits until Karmada sees it Ready; `plane` and `access` are kubeconfigs."""
    api = Api(Kubeconfig.read(plane))
    made = MemberAccess().create(name, {"name": name, "access": access}, Context()).outputs
    secrets = {
        name: {"caBundle": made["authority"], "token": made["token"]},
        impersonator_secret(name): {"token": made["impersonatorToken"]},
    }
    for secret, data in secrets.items():
        metadata = {"name": secret, "namespace": CLUSTER_NAMESPACE}
        api.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data})
    reference = {"namespace": CLUSTER_NAMESPACE}
    spec: dict[str, Any] = {
        "id": made["identifier"],
        "apiEndpoint": made["endpoint"],
        "syncMode": "Push",
        "secretRef": {**reference, "name": name},
        "impersonatorSecretRef": {**reference, "name": impersonator_secret(name)},
    }
    cluster = {"apiVersion": "cluster.karmada.io/v1alpha1", "kind": "Cluster", "metadata": {"name": name}}
    api.apply({**cluster, "spec": spec})
    outcome = MemberStatus().create(name, {"name": name, "access": plane}, Context())
    assert not outcome.problems, outcome.problems
