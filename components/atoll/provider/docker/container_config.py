"""A container's inputs in the words of the engine's API, and back. Pure.

Source: POST /containers/create of https://docs.docker.com/reference/api/engine/version/v1.41, and the `Container`
resource of the package docker 5.2 for the inputs' names, units (MB, seconds, Go durations) and defaults.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from atoll.core.effect import Values
from atoll.core.errors import ArgsError

OWNER = "atoll.dev/owner"
"""The label of who made a container, by which one that a killed run made is known again."""
DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "containerReadRefreshTimeoutMilliseconds": 15000,
        "mustRun": True,
        "networkMode": "bridge",
        "removeVolumes": True,
        "restart": "no",
        "start": True,
        "waitTimeout": 60,
    }
)
_MB = 1 << 20
_UNITS = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)")
_CONFIG = {
    "command": "Cmd",
    "domainname": "Domainname",
    "entrypoints": "Entrypoint",
    "envs": "Env",
    "hostname": "Hostname",
    "stdinOpen": "OpenStdin",
    "stopSignal": "StopSignal",
    "stopTimeout": "StopTimeout",
    "tty": "Tty",
    "user": "User",
    "workingDir": "WorkingDir",
}
"""Inputs that the API takes as they are, by its names."""
_HOST = {
    "cpuSet": "CpusetCpus",
    "cpuShares": "CpuShares",
    "dns": "Dns",
    "dnsOpts": "DnsOptions",
    "dnsSearches": "DnsSearch",
    "groupAdds": "GroupAdd",
    "init": "Init",
    "ipcMode": "IpcMode",
    "networkMode": "NetworkMode",
    "pidMode": "PidMode",
    "privileged": "Privileged",
    "publishAllPorts": "PublishAllPorts",
    "readOnly": "ReadonlyRootfs",
    "rm": "AutoRemove",
    "runtime": "Runtime",
    "securityOpts": "SecurityOpt",
    "sysctls": "Sysctls",
    "tmpfs": "Tmpfs",
    "usernsMode": "UsernsMode",
}
"""The same, of its HostConfig."""
_MEGABYTES = {"memory": "Memory", "memoryReservation": "MemoryReservation", "shmSize": "ShmSize"}
LIMITS = frozenset({"cpuSet", "cpuShares", "memory", "memoryReservation", "memorySwap"})
"""What an engine changes of a container that runs, beside when it restarts it."""
IN_PLACE = LIMITS | {
    "containerReadRefreshTimeoutMilliseconds",
    "destroyGraceSeconds",
    "maxRetryCount",
    "mustRun",
    "removeVolumes",
    "restart",
    "start",
    "wait",
    "waitTimeout",
}
"""Inputs whose change leaves the container in place."""
_OTHERS = {
    "capabilities",
    "cpus",
    "healthcheck",
    "hosts",
    "image",
    "labels",
    "logDriver",
    "logOpts",
    "mounts",
    "name",
    "networksAdvanced",
    "ports",
    "ulimits",
    "volumes",
}
SERVED = frozenset({*_CONFIG, *_HOST, *_MEGABYTES, *IN_PLACE, *_OTHERS})
UNORDERED = frozenset(
    {"dns", "dnsOpts", "dnsSearches", "envs", "groupAdds", "hosts", "labels", "mounts", "networksAdvanced"}
) | {"ports", "securityOpts", "ulimits", "volumes"}


def config(inputs: Values, owner: str) -> Values:
    """The body of the request that makes a container.

    Raises:
        ArgsError: an input is not what it should be.
    """
    labels = {each["label"]: each["value"] for each in inputs.get("labels", ())}
    body: Values = {"Image": inputs["image"], "Labels": {**labels, OWNER: owner}, "HostConfig": _host(inputs)}
    body |= {theirs: inputs[ours] for ours, theirs in _CONFIG.items() if inputs.get(ours)}
    if check := inputs.get("healthcheck"):
        body["Healthcheck"] = _health(check)
    ports = [_port(each) for each in inputs.get("ports", ())]
    if ports:
        body["ExposedPorts"] = {port: {} for port, _ in ports}
    volumes: Values = {
        each["containerPath"]: {}
        for each in inputs.get("volumes", ())
        if _bind(each) is None and "containerPath" in each
    }
    if volumes:
        body["Volumes"] = volumes
    return body


def _host(inputs: Values) -> Values:
    host: Values = {theirs: inputs[ours] for ours, theirs in _HOST.items() if inputs.get(ours)}
    host |= {theirs: inputs[ours] * _MB for ours, theirs in _MEGABYTES.items() if inputs.get(ours)}
    host.setdefault("NetworkMode", DEFAULTS["networkMode"])
    host["RestartPolicy"] = restart_policy(inputs)
    if swap := inputs.get("memorySwap"):
        host["MemorySwap"] = swap * _MB if swap > 0 else swap
    if cpus := inputs.get("cpus"):
        host["NanoCpus"] = _nano(cpus)
    if inputs.get("logDriver") or inputs.get("logOpts"):
        host["LogConfig"] = {"Type": inputs.get("logDriver", ""), "Config": inputs.get("logOpts", {})}
    for ours, (theirs, told) in _LISTS.items():
        if found := [each for each in map(told, inputs.get(ours, ())) if each is not None]:
            host[theirs] = found
    capabilities = inputs.get("capabilities") or {}
    host |= {
        theirs: capabilities[ours]
        for ours, theirs in (("adds", "CapAdd"), ("drops", "CapDrop"))
        if capabilities.get(ours)
    }
    bindings: Values = {}
    for port, binding in map(_port, inputs.get("ports", ())):
        bindings.setdefault(port, []).append(binding)
    if bindings:
        host["PortBindings"] = bindings
    if sources := [each["fromContainer"] for each in inputs.get("volumes", ()) if each.get("fromContainer")]:
        host["VolumesFrom"] = sources
    return host


def restart_policy(inputs: Values) -> Values:
    """When the engine starts it again."""
    return {
        "Name": inputs.get("restart") or DEFAULTS["restart"],
        "MaximumRetryCount": inputs.get("maxRetryCount") or 0,
    }


def limits(inputs: Values) -> Values:
    """The body of the request that changes a container in place."""
    host = _host({key: value for key, value in inputs.items() if key in IN_PLACE})
    del host["NetworkMode"]
    if "Memory" in host:
        # As engines have it for a new container; else it would have to be less than what it was before.
        host.setdefault("MemorySwap", 2 * host["Memory"])
    return host


def live(found: Values) -> Values:
    """The inputs that may have changed since a container was made, as the engine has them."""
    host, state = found["HostConfig"], found["State"]
    swap = host.get("MemorySwap") or 0
    policy = host.get("RestartPolicy") or {}
    return {
        "name": str(found["Name"]).lstrip("/"),
        "cpuSet": host.get("CpusetCpus") or "",
        "cpuShares": host.get("CpuShares") or 0,
        "memory": (host.get("Memory") or 0) // _MB,
        "memoryReservation": (host.get("MemoryReservation") or 0) // _MB,
        "memorySwap": swap // _MB if swap > 0 else swap,
        "restart": policy.get("Name") or DEFAULTS["restart"],
        "maxRetryCount": policy.get("MaximumRetryCount") or 0,
        # Whoever must run and does not shows as a change of this, which starts it.
        "mustRun": bool(state.get("Running")),
    }


def declared(found: Values, image: Values) -> Values:
    """The inputs that would make a container of an image as it is; for an import.

    What the engine or the image gave it is left out.
    """
    own, host, base = found["Config"], found["HostConfig"], image.get("Config") or {}
    short = found["Id"][:12]
    given = {
        ours: own.get(theirs)
        for ours, theirs in _CONFIG.items()
        if own.get(theirs) and own.get(theirs) != base.get(theirs) and own.get(theirs) != short
    }
    if "envs" in given and not (left := [each for each in own["Env"] if each not in (base.get("Env") or ())]):
        del given["envs"]
    elif "envs" in given:
        given["envs"] = left
    kept = {ours: host.get(theirs) for ours, theirs in _HOST.items() if host.get(theirs)}
    for name, usual in (("ipcMode", "private"), ("runtime", "runc"), ("networkMode", "default")):
        if kept.get(name) in {usual, DEFAULTS.get(name)}:
            del kept[name]
    labels = {
        k: v
        for k, v in (own.get("Labels") or {}).items()
        if (base.get("Labels") or {}).get(k) != v and k != OWNER
    }
    rest = {
        "labels": [{"label": key, "value": labels[key]} for key in sorted(labels)],
        "ports": _ports(host.get("PortBindings") or {}),
        "capabilities": _filled({"adds": host.get("CapAdd"), "drops": host.get("CapDrop")}),
        **{k: v for k, v in live(found).items() if v != DEFAULTS.get(k) and k != "mustRun"},
    }
    if rest.get("memorySwap") == 2 * rest.get("memory", 0):
        # What an engine makes of a limit of memory alone.
        del rest["memorySwap"]
    return {"image": own["Image"], **given, **kept, **_filled(rest)}


def _filled(found: Values) -> Values:
    return {key: value for key, value in found.items() if value}


def _ports(bindings: Values) -> list[Values]:
    return [
        _filled(
            {
                "internal": int(port.partition("/")[0]),
                "external": int(each.get("HostPort") or 0),
                "ip": each.get("HostIp"),
                "protocol": "" if port.endswith("/tcp") else port.partition("/")[2],
            }
        )
        for port, found in sorted(bindings.items())
        for each in found or ()
    ]


def _port(given: Values) -> tuple[str, Values]:
    binding = {"HostIp": given.get("ip") or "", "HostPort": str(given.get("external") or "")}
    return f"{given['internal']}/{given.get('protocol') or 'tcp'}", binding


def _bind(given: Values) -> str | None:
    source = given.get("hostPath") or given.get("volumeName")
    if not source:
        return None
    marks = ",".join(filter(None, ("ro" if given.get("readOnly") else "rw", given.get("selinuxRelabel"))))
    return f"{source}:{given['containerPath']}:{marks}"


def _mount(given: Values) -> Values:
    known = {"target", "type", "source", "readOnly"}
    if others := sorted(key for key in given.keys() - known if given[key]):
        raise ArgsError(
            f"mounts: found {', '.join(others)}, which the stand-in for pulumi-resource-docker does not serve; "
            "expected none"
        )
    return {
        "Target": given["target"],
        "Type": given["type"],
        "Source": given.get("source", ""),
        "ReadOnly": given.get("readOnly", False),
    }


def _ulimit(given: Values) -> Values:
    return {"Name": given["name"], "Hard": given["hard"], "Soft": given["soft"]}


def _extra_host(given: Values) -> str:
    return f"{given['host']}:{given['ip']}"


_LISTS: dict[str, tuple[str, Callable[[Values], Any]]] = {
    "hosts": ("ExtraHosts", _extra_host),
    "mounts": ("Mounts", _mount),
    "ulimits": ("Ulimits", _ulimit),
    "volumes": ("Binds", _bind),
}


def _health(given: Values) -> Values:
    names = {"interval": "Interval", "timeout": "Timeout", "startPeriod": "StartPeriod"}
    if given.get("startInterval"):
        raise ArgsError(
            "healthcheck.startInterval: found an input that the stand-in for pulumi-resource-docker does not serve; "
            "expected none"
        )
    told = {theirs: nanoseconds(given[ours]) for ours, theirs in names.items() if given.get(ours)}
    return {"Test": given["tests"], "Retries": given.get("retries") or 0, **told}


def nanoseconds(text: str) -> int:
    """A duration as Go writes it: `1h2m3.5s`.

    Raises:
        ArgsError: it is none.
    """
    found = _DURATION.findall(text)
    if text != "0" and (not found or "".join(number + unit for number, unit in found) != text):
        raise ArgsError(f"healthcheck: found duration {text!r}; expected one as 30s, 1m or 500ms")
    return round(sum(float(number) * _UNITS[unit] for number, unit in found) * 1e9)


def _nano(cpus: str) -> int:
    try:
        return round(float(cpus) * 1e9)
    except ValueError as error:
        raise ArgsError(f"cpus: found {cpus!r}; expected a number of CPUs, as 1.5") from error
