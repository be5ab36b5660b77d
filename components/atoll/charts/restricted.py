"""Pods against the restricted Pod Security Standard, and images against pinning by digest. Pure.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards; the API server's admission is what the tests
compare this with.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from atoll.charts.findings import Path, Rule, dotted, shown

Manifest = dict[str, Any]
_Problem = tuple[Path, str]

_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "Pod": (),
    "PodTemplate": ("template",),
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
"""Where a kind keeps its pods."""
_DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")
_VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "name",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    }
)
_SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
_PROFILES = frozenset({"RuntimeDefault", "Localhost"})


def problems(manifest: Manifest) -> Iterator[tuple[Rule, str]]:
    """What is wrong with the pods that an object makes; of an object without pods, nothing."""
    label = f"{manifest.get('kind')} {(manifest.get('metadata') or {}).get('name', '')}".strip()
    for path, spec in _specs(manifest):
        for where, text in _images(spec):
            yield Rule.IMAGE, f"{label}: {dotted((*path, *where))}: {text}"
        for where, text in (*_pod(spec), *_rights(spec)):
            yield Rule.RESTRICTED, f"{label}: {dotted((*path, *where))}: {text}"


def _specs(manifest: Manifest) -> Iterator[tuple[Path, Manifest]]:
    if str(manifest.get("kind", "")).endswith("List"):
        for index, each in enumerate(manifest.get("items") or []):
            yield from ((("items", index, *path), spec) for path, spec in _specs(each))
    path = _TEMPLATES.get(str(manifest.get("kind")))
    if path is not None:
        found: Any = manifest
        for step in (*path, "spec"):
            found = _map(found).get(step)
        if isinstance(found, dict):
            yield (*path, "spec"), found


def _map(value: Any) -> Manifest:
    return value if isinstance(value, dict) else {}


def _containers(spec: Manifest) -> Iterator[tuple[Path, Manifest]]:
    for kind in _CONTAINERS:
        for index, container in enumerate(spec.get(kind) or []):
            yield (kind, index), _map(container)


def _images(spec: Manifest) -> Iterator[_Problem]:
    for path, container in _containers(spec):
        yield from _image((*path, "image"), container.get("image"))
    for index, volume in enumerate(spec.get("volumes") or []):
        if "image" in _map(volume):
            yield from _image(
                ("volumes", index, "image", "reference"), _map(volume["image"]).get("reference")
            )


def _image(path: Path, image: Any) -> Iterator[_Problem]:
    name = str(image or "")
    if _DIGEST.fullmatch(name):
        return
    tag = name.rpartition("/")[2].partition(":")[2]
    why = " (latest tells nobody what runs)" if tag in {"", "latest"} and name else ""
    yield path, f"found {shown(image)}; expected an image by digest, as in registry/name@sha256:...{why}"


def _pod(spec: Manifest) -> Iterator[_Problem]:
    """What a pod asks of its node."""
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield (name,), "found true; expected false (it sees what is the node's)"
    for index, volume in enumerate(spec.get("volumes") or []):
        for kind in sorted(_map(volume).keys() - _VOLUMES):
            yield ("volumes", index, kind), f"found {kind}; expected a volume that is not the node's"
    context = _map(spec.get("securityContext"))
    for index, sysctl in enumerate(context.get("sysctls") or []):
        if (named := _map(sysctl).get("name")) not in _SYSCTLS:
            yield ("securityContext", "sysctls", index, "name"), f"found {shown(named)}; expected a safe one"
    for path, container in _containers(spec):
        for index, port in enumerate(container.get("ports") or []):
            if _map(port).get("hostPort"):
                yield (*path, "ports", index, "hostPort"), "found a port of the node; expected none"
        yield from _hosts(path, container)


def _hosts(path: Path, container: Manifest) -> Iterator[_Problem]:
    """Whom the node asks on a container's behalf: nobody but the pod."""
    hooks = [("lifecycle", name) for name in ("postStart", "preStop")]
    for steps in (("livenessProbe",), ("readinessProbe",), ("startupProbe",), *hooks):
        asked: Any = container
        for step in steps:
            asked = _map(asked).get(step)
        for action in ("httpGet", "tcpSocket"):
            if host := _map(_map(asked).get(action)).get("host"):
                yield (
                    (*path, *steps, action, "host"),
                    f"found {shown(host)}; expected none (the node would ask it)",
                )


def _rights(spec: Manifest) -> Iterator[_Problem]:
    """As whom containers run, and what they may do. A container's word goes before its pod's."""
    pod = _map(spec.get("securityContext"))
    yield from _context(("securityContext",), pod)
    for path, container in _containers(spec):
        own = _map(container.get("securityContext"))
        where = (*path, "securityContext")
        yield from _context(where, own)
        yield from _escalation(where, own)
        if (root := own.get("runAsNonRoot", pod.get("runAsNonRoot"))) is not True:
            yield (*where, "runAsNonRoot"), f"found {shown(root)}; expected true, here or for the pod"
        profile = _map(own.get("seccompProfile") or pod.get("seccompProfile")).get("type")
        if profile not in _PROFILES:
            expected = "RuntimeDefault or Localhost, here or for the pod"
            yield (*where, "seccompProfile", "type"), f"found {shown(profile)}; expected {expected}"


def _context(where: Path, context: Manifest) -> Iterator[_Problem]:
    """What a pod's and a container's security context have in common."""
    if context.get("runAsUser") == 0:
        yield (*where, "runAsUser"), "found 0; expected a user that is not root"
    if _map(context.get("windowsOptions")).get("hostProcess"):
        yield (*where, "windowsOptions", "hostProcess"), "found true; expected false"
    linux = _map(context.get("seLinuxOptions"))
    if linux.get("type", "") not in _SELINUX_TYPES:
        yield (*where, "seLinuxOptions", "type"), f"found {shown(linux['type'])}; expected a container's"
    for name in ("user", "role"):
        if linux.get(name):
            yield (*where, "seLinuxOptions", name), f"found {shown(linux[name])}; expected none"
    armour = _map(context.get("appArmorProfile")).get("type", "RuntimeDefault")
    if armour not in _PROFILES:
        yield (
            (*where, "appArmorProfile", "type"),
            f"found {shown(armour)}; expected RuntimeDefault or Localhost",
        )


def _escalation(where: Path, context: Manifest) -> Iterator[_Problem]:
    """The ways from a container's rights to more of them."""
    if context.get("privileged"):
        yield (*where, "privileged"), "found true; expected false (it is root on the node)"
    if (allowed := context.get("allowPrivilegeEscalation")) is not False:
        yield (*where, "allowPrivilegeEscalation"), f"found {shown(allowed)}; expected false"
    if (mount := context.get("procMount", "Default")) != "Default":
        yield (*where, "procMount"), f"found {shown(mount)}; expected Default"
    capabilities = _map(context.get("capabilities"))
    if "ALL" not in (capabilities.get("drop") or []):
        yield (*where, "capabilities", "drop"), "found no ALL; expected [ALL]"
    if more := sorted(set(capabilities.get("add") or []) - {"NET_BIND_SERVICE"}):
        yield (*where, "capabilities", "add"), f"found {', '.join(more)}; expected none but NET_BIND_SERVICE"
