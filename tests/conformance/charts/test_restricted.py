"""The restricted standard as `charts check` has it, against the admission of a real API server: both say the same of a pod."""

import copy
from typing import Any

import pytest

from atoll.charts import restricted
from atoll.charts.findings import Rule
from atoll.kubernetes import ApiError

_IMAGE = "registry.example/shop/crab@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_GOOD: dict[str, Any] = {
    "automountServiceAccountToken": False,
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "crab",
            "image": _IMAGE,
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
}
_NO_RIGHTS = _GOOD["containers"][0]["securityContext"]
_BAD: dict[str, Any] = {
    "the node's network": {"hostNetwork": True},
    "the node's processes": {"hostPID": True},
    "the node's memory": {"hostIPC": True},
    "a folder of the node": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
    "a volume of NFS": {"volumes": [{"name": "v", "nfs": {"server": "s", "path": "/"}}]},
    "an unsafe sysctl": {"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}},
    "root": {"securityContext": {"runAsUser": 0}},
    "who knows whom": {"securityContext": {"runAsNonRoot": None}},
    "no profile": {"securityContext": {"seccompProfile": None}},
    "another profile": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
    "no AppArmor": {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}},
    "a SELinux type": {"securityContext": {"seLinuxOptions": {"type": "spc_t"}}},
    "a SELinux user": {"securityContext": {"seLinuxOptions": {"user": "u"}}},
    "a SELinux role": {"securityContext": {"seLinuxOptions": {"role": "r"}}},
}
"""Changes of a pod."""
_BAD_CONTAINER = {
    "a port of the node": {"ports": [{"containerPort": 80, "hostPort": 80}]},
    "a probe of another host": {"livenessProbe": {"httpGet": {"port": 80, "host": "10.0.0.1"}}},
    "a probe by TCP of another host": {"readinessProbe": {"tcpSocket": {"port": 80, "host": "10.0.0.1"}}},
    "a hook of another host": {"lifecycle": {"preStop": {"httpGet": {"port": 80, "host": "10.0.0.1"}}}},
    "no context": {"securityContext": None},
    "new rights": {"securityContext": {"allowPrivilegeEscalation": True}},
    "capabilities kept": {"securityContext": {"capabilities": None}},
    "one dropped": {"securityContext": {"capabilities": {"drop": ["NET_RAW"]}}},
    "one added": {"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["SYS_TIME"]}}},
    "root of its own": {"securityContext": {"runAsUser": 0}},
    "root again": {"securityContext": {"runAsNonRoot": False}},
    "its own profile": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
    "its own SELinux type": {"securityContext": {"seLinuxOptions": {"type": "spc_t"}}},
    "its own AppArmor": {"securityContext": {"appArmorProfile": {"type": "Unconfined"}}},
}
"""Changes of its container."""
_GOOD_CHANGES = {
    "nothing": {},
    "a safe sysctl": {"securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies", "value": "1"}]}},
    "a user": {
        "securityContext": {"runAsUser": 1000, "seLinuxOptions": {"type": "container_t", "level": "s0"}}
    },
    "a profile of the node": {
        "securityContext": {"seccompProfile": {"type": "Localhost", "localhostProfile": "p.json"}}
    },
    "volumes": {
        "volumes": [
            {"name": "a", "emptyDir": {}},
            {"name": "b", "configMap": {"name": "c"}},
            {"name": "c", "persistentVolumeClaim": {"claimName": "c"}},
            {"name": "d", "projected": {"sources": []}},
        ]
    },
}
_GOOD_CONTAINER = {
    "low ports": {"securityContext": {"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}}},
    "a probe": {"livenessProbe": {"httpGet": {"port": 80}}},
    "a port": {"ports": [{"containerPort": 80}]},
}
_REFUSED = [*_BAD, *_BAD_CONTAINER, "first", "in vain"]
_TAKEN = [*_GOOD_CHANGES, *_GOOD_CONTAINER, "for itself"]


def _over(base, change):
    if isinstance(base, dict) and isinstance(change, dict):
        merged = {**base, **{key: _over(base.get(key), value) for key, value in change.items()}}
        return {key: value for key, value in merged.items() if value is not None}
    return change


def _spec(name):
    spec = copy.deepcopy(_GOOD)
    if name in {**_BAD, **_GOOD_CHANGES}:
        return _over(spec, {**_BAD, **_GOOD_CHANGES}[name])
    if name in {**_BAD_CONTAINER, **_GOOD_CONTAINER}:
        spec["containers"][0] = _over(spec["containers"][0], {**_BAD_CONTAINER, **_GOOD_CONTAINER}[name])
    elif name == "first":
        privileged = {"privileged": True, "allowPrivilegeEscalation": True}
        spec["initContainers"] = [{"name": "before", "image": _IMAGE, "securityContext": privileged}]
    elif name == "in vain":
        # What a pod says, its container takes back.
        spec["containers"][0]["securityContext"]["runAsNonRoot"] = False
    else:
        # What a pod leaves open, its container says.
        own = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        spec["securityContext"] = {}
        spec["containers"][0]["securityContext"] = {**_NO_RIGHTS, **own}
    return spec


def _pod(name, namespace):
    metadata = {"name": "pod", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": _spec(name)}


@pytest.mark.parametrize("name", _REFUSED)
def test_what_the_server_does_not_let_in_is_found(name, api, namespace):
    pod = _pod(name, namespace)

    with pytest.raises(ApiError, match=r"violates PodSecurity|disallowed by cluster policy"):
        api.apply(pod, dry_run=True)

    assert {rule for rule, _ in restricted.problems(pod)} == {Rule.RESTRICTED}


@pytest.mark.parametrize("name", _TAKEN)
def test_what_the_server_lets_in_is_not_found(name, api, namespace):
    pod = _pod(name, namespace)

    api.apply(pod, dry_run=True)

    assert list(restricted.problems(pod)) == []
