"""Resource types as the SDK calls them, what is refused, and which changes need a new object. Pure."""

from functools import cache

from atoll.core.errors import RefusedError
from atoll.kubernetes import identities
from atoll.provider import values
from atoll.provider.kubernetes.manifests import Manifest

CONFIG_GROUP = "kubernetes:yaml/v2:ConfigGroup"
CHART = "kubernetes:helm.sh/v4:Chart"
RELEASE = "kubernetes:helm.sh/v3:Release"

PATCH = "Patch"
"""How the SDK's types of patches end."""

_OTHER_MODULES = ("helm.sh/", "kustomize", "yaml")
"""Modules of the SDK that are no API groups."""

_IDENTITY = ("metadata.name", "metadata.namespace")
_WORKLOAD = ("spec.selector",)
_CONTAINER = (
    "args,command,env,image,imagePullPolicy,lifecycle,livenessProbe,ports,readinessProbe,resources,"
    "securityContext,stdin,stdinOnce,terminationMessagePath,terminationMessagePolicy,tty,volumeDevices,"
    "volumeMounts,workingDir"
)
_POD = (
    "affinity,automountServiceAccountToken,dnsConfig,dnsPolicy,enableServiceLinks,hostAliases,hostIPC,"
    "hostNetwork,hostPID,hostname,imagePullSecrets,nodeName,nodeSelector,overhead,preemptionPolicy,priority,"
    "priorityClassName,readinessGates,restartPolicy,runtimeClassName,schedulerName,securityContext,"
    "serviceAccount,serviceAccountName,shareProcessNamespace,subdomain,terminationGracePeriodSeconds,volumes"
)
_VOLUME_SOURCES = (
    "awsElasticBlockStore,azureDisk,azureFile,cephfs,cinder,csi,fc,flexVolume,flocker,gcePersistentDisk,"
    "glusterfs,hostPath,iscsi,local,nfs,photonPersistentDisk,portworxVolume,quobyte,rbd,scaleIO,storageos,"
    "vsphereVolume"
)
_RULES: dict[tuple[str, str], tuple[str, ...]] = {
    ("apps", "DaemonSet"): _WORKLOAD,
    ("apps", "Deployment"): _WORKLOAD,
    ("apps", "StatefulSet"): (
        *_WORKLOAD,
        "spec.podManagementPolicy",
        "spec.revisionHistoryLimit",
        "spec.serviceName",
        "spec.volumeClaimTemplates",
    ),
    ("batch", "Job"): (*_WORKLOAD, "spec.completions", "spec.parallelism", "spec.template"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): ("roleRef",),
    ("rbac.authorization.k8s.io", "RoleBinding"): ("roleRef",),
    ("storage.k8s.io", "StorageClass"): ("parameters", "provisioner"),
    ("", "PersistentVolume"): tuple(f"spec.{source}" for source in _VOLUME_SOURCES.split(",")),
    ("", "PersistentVolumeClaim"): (
        "spec.accessModes",
        "spec.selector",
        "spec.storageClassName",
        "spec.volumeName",
    ),
    ("", "Pod"): (
        *(f"spec.{field}" for field in _POD.split(",")),
        *(
            f"spec.{kind}.*.{field}"
            for kind in ("containers", "initContainers")
            for field in _CONTAINER.split(",")
        ),
    ),
    ("", "ResourceQuota"): ("spec.scopes",),
    ("", "Secret"): ("type",),
    ("", "Service"): ("spec.clusterIP",),
}
"""By group and kind, the fields whose change the API server refuses; `*` stands for a list's index.

Source: the table of the official plugin (provider/pkg/provider/diff.go of pulumi/pulumi-kubernetes, 4.34).
"""
_DATA = {("", "ConfigMap"): ("binaryData", "data"), ("", "Secret"): ("type", "stringData", "data")}
"""What replaces the object too, unless the provider's settings make it mutable."""


def type_of(token: str) -> tuple[str, str]:
    """API version and kind of an SDK's type token: `kubernetes:core/v1:Secret` is v1, Secret."""
    _, version, kind = token.split(":", 2)
    return version.removeprefix("core/"), kind


def refusal(token: str, manifest: Manifest) -> RefusedError | None:
    """Why resources of a type are not served, or None."""
    version, kind = type_of(token)
    if version.startswith(_OTHER_MODULES):
        return RefusedError(
            f"{token}: found a type that the stand-in for pulumi-resource-kubernetes does not serve; "
            "expected a resource of an API group, yaml.v2.ConfigGroup, helm.v4.Chart or helm.v3.Release. "
            "Use the official plugin for it."
        )
    if kind.endswith("List") and "items" in manifest:
        return RefusedError(
            f"{token}: found a list; expected a single object (lists exist for YAML manifests). "
            "Declare each of its items."
        )
    return None


def is_patch(token: str, manifest: Manifest) -> bool:
    """Whether a resource is some fields of an object that somebody else makes: `ConfigMapPatch` of a ConfigMap.

    A kind of its own may end in Patch too, so the manifest has to say which one it is.
    """
    return bool(manifest.get("kind")) and type_of(token)[1] == f"{manifest['kind']}{PATCH}"


def replaces(path: values.Path, manifest: Manifest, mutable: frozenset[str]) -> bool:
    """Whether the change of a field needs a new object."""
    return any(
        _touches(path, rule) for rule in _rules(identities.group_kind(manifest), _is_fixed(manifest, mutable))
    )


def moves(path: values.Path) -> bool:
    """Whether the change of a field means another object: all that replaces a Patch."""
    return any(_touches(path, tuple(field.split("."))) for field in _IDENTITY)


def _is_fixed(manifest: Manifest, mutable: frozenset[str]) -> bool:
    return manifest.get("kind") not in mutable or manifest.get("immutable") is True


@cache
def _rules(group_kind: tuple[str, str], fixed: bool) -> tuple[tuple[str, ...], ...]:  # noqa: FBT001 - a cache's key
    fields = (*_IDENTITY, *_RULES.get(group_kind, ()), *(_DATA.get(group_kind, ()) if fixed else ()))
    return tuple(tuple(field.split(".")) for field in fields)


def _touches(path: values.Path, rule: tuple[str, ...]) -> bool:
    """Whether a changed path lies at, under or above a rule's field."""
    return all(wanted in ("*", part) for part, wanted in zip(path, rule, strict=False))
