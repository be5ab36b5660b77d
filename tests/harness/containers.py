"""Containers by a real runc, as a node runs those of a pod; it takes root."""

import base64
import json
import os
import secrets
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from atoll.kubernetes import Api
from atoll.kubernetes.client import MERGE
from atoll.registry.local import building
from atoll.registry.local.buildkit import NO_RUNC

_FOLDERS = ("dev", "etc", "proc", "root", "sys", "tmp")
_TOLD = 4096
"""How much a container may tell as it ends. Source: k8s.io/api/core/v1, terminationMessagePath."""


def lacking() -> str | None:
    """What this machine lacks to run containers, or None."""
    if os.geteuid():
        return f"found user {os.geteuid()}; expected root (containers mount)"
    return None if building.runc() else NO_RUNC


@dataclass(frozen=True)
class Ended:
    """How a container ended; `message` is what it told, or else the end of what it said."""

    code: int
    message: str
    said: str


def run(
    container: Mapping[str, Any], volumes: Mapping[str, Path], image: Mapping[str, Path], folder: Path
) -> Ended:
    """Runs one container of a pod in the network of this machine; `image` is {path in it: file}, and nothing else."""
    runc = str(building.runc())
    folder.mkdir(parents=True)
    for name in _FOLDERS:
        (folder / "rootfs" / name).mkdir(parents=True)
    subprocess.run([runc, "spec"], cwd=folder, check=True)
    path, told = folder / "config.json", folder / "told"
    told.touch()
    path.write_text(json.dumps(_spec(json.loads(path.read_text()), container, volumes, image, told)))
    argv = [runc, "--root", str(folder / "state"), "run", f"atoll-{secrets.token_hex(6)}"]
    ended = subprocess.run(
        argv, cwd=folder, check=False, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    message = told.read_text()[:_TOLD]
    if ended.returncode and not message and container["terminationMessagePolicy"] == "FallbackToLogsOnError":
        message = ended.stdout[-2048:]
    return Ended(ended.returncode, message, ended.stdout)


def _spec(
    spec: dict[str, Any],
    container: Mapping[str, Any],
    volumes: Mapping[str, Path],
    image: Mapping[str, Path],
    told: Path,
) -> dict[str, Any]:
    allowed = container["securityContext"]
    assert allowed["capabilities"]["drop"] == ["ALL"]
    capabilities = [f"CAP_{each}" for each in allowed["capabilities"]["add"]]
    spec["process"] |= {
        "terminal": False,
        "args": [next(iter(image)), *container["args"]],
        "env": [f"{each['name']}={each['value']}" for each in container["env"]] + ["HOME=/root", "USER=root"],
        "user": {"uid": allowed["runAsUser"], "gid": 0},
        "noNewPrivileges": not allowed["allowPrivilegeEscalation"],
        "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
    }
    spec["root"]["readonly"] = allowed["readOnlyRootFilesystem"]
    spec["linux"]["namespaces"] = [each for each in spec["linux"]["namespaces"] if each["type"] != "network"]
    mounts = {each["mountPath"]: volumes[each["name"]] for each in container["volumeMounts"]}
    spec["mounts"] += [_bound(path, source, "ro") for path, source in {**image, **mounts}.items()]
    spec["mounts"].append(_bound(container["terminationMessagePath"], told, "rw"))
    return spec


def _bound(path: str, source: Path, access: str) -> dict[str, Any]:
    return {"destination": path, "type": "bind", "source": str(source), "options": ["rbind", access]}


class Node:
    """What runs the pods of one namespace one after the other, for a cluster without nodes: a kubelet with one image."""

    def __init__(self, api: Api, namespace: str, image: Mapping[str, Path], folder: Path) -> None:
        self._api, self._namespace, self._image, self._folder = api, namespace, image, folder
        self._end = threading.Event()
        self.ran: list[tuple[dict[str, Any], Ended]] = []
        self.failure: BaseException | None = None
        self.before: Callable[[dict[str, Any]], None] = lambda _pod: None
        """Called with each pod before it is run."""
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        if self.failure:
            raise self.failure

    def _serve(self) -> None:
        try:
            while not self._end.wait(0.1):
                for pod in self._api.items("v1", "Pod", self._namespace):
                    if (pod.get("status") or {}).get("phase") == "Pending":
                        self.before(pod)
                        self._run(pod)
        except BaseException as error:  # noqa: BLE001 - told to whoever stops the node
            self.failure = error

    def _run(self, pod: dict[str, Any]) -> None:
        place = self._folder / pod["metadata"]["name"]
        volumes = {each["name"]: self._mounted(each, place) for each in pod["spec"]["volumes"]}
        (container,) = pod["spec"]["containers"]
        ended = run(container, volumes, self._image, place / "bundle")
        self.ran.append((pod, ended))
        terminated = {"exitCode": ended.code, "message": ended.message, "reason": "Completed"}
        status = {
            "name": container["name"],
            "image": container["image"],
            "imageID": container["image"],
            "ready": False,
            "restartCount": 0,
            "state": {"terminated": terminated},
        }
        phase = "Failed" if ended.code else "Succeeded"
        self._api.request(
            "PATCH",
            f"{self._api.path(pod)}/status",
            {"status": {"phase": phase, "containerStatuses": [status]}},
            content_type=MERGE,
        )

    def _mounted(self, volume: Mapping[str, Any], place: Path) -> Path:
        """What a ConfigMap or Secret holds, as files."""
        folder = place / str(volume["name"])
        folder.mkdir(parents=True)
        kind, key = ("ConfigMap", "name") if "configMap" in volume else ("Secret", "secretName")
        source = volume.get("configMap") or volume["secret"]
        named = {"name": source[key], "namespace": self._namespace}
        live = self._api.get({"apiVersion": "v1", "kind": kind, "metadata": named})
        assert live, named
        packed = live.get("binaryData") or {} if kind == "ConfigMap" else live["data"]
        for name, content in packed.items():
            (folder / name).write_bytes(base64.b64decode(content))
        for name, text in live.get("data", {}).items() if kind == "ConfigMap" else ():
            (folder / name).write_text(text)
        for path in folder.iterdir():
            path.chmod(source.get("defaultMode", 0o644))
        return folder
