"""What the clusters of an environment say of themselves, each through its own API."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from e2e.checkout import Checkout

DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "light", "namespace": "beacon"},
}
MEMBERS = ("tern", "heron")


def deployment(checkout: Checkout, environment: str, cluster: str) -> dict[str, Any]:
    """The Deployment of the test inventory as one member has it."""
    live = checkout.api(environment, cluster).get(DEPLOYMENT)
    assert live is not None, f"{cluster} has no Deployment"
    return live


def replicas(checkout: Checkout, environment: str) -> dict[str, tuple[int, int]]:
    """For each member, how many replicas are wanted and available."""
    found = {name: deployment(checkout, environment, name) for name in MEMBERS}
    return {
        name: (live["spec"]["replicas"], live["status"].get("availableReplicas", 0))
        for name, live in found.items()
    }


def image(checkout: Checkout, environment: str, cluster: str) -> str:
    """The image that a member runs."""
    containers = deployment(checkout, environment, cluster)["spec"]["template"]["spec"]["containers"]
    return str(containers[0]["image"])


def generations(checkout: Checkout, environment: str) -> dict[str, str]:
    """What would tell that somebody wrote to a member's objects: `<member> <path>` to resource version."""
    found = {}
    for name in MEMBERS:
        api = checkout.api(environment, name)
        for version, kind in (("v1", "ConfigMap"), ("rbac.authorization.k8s.io/v1", "ClusterRole")):
            for entry in api.items(version, kind):
                metadata = entry["metadata"]
                found[f"{name} {kind} {metadata['name']}"] = metadata["resourceVersion"]
        live = deployment(checkout, environment, name)
        # A Deployment's resource version moves with its status; its spec and metadata do not.
        found[f"{name} Deployment"] = f"{live['metadata']['generation']} {live['metadata']['annotations']}"
    return found


def processes(folder: Path) -> list[psutil.Process]:
    """The processes that work in a folder, or name it in their arguments."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        words = process.info["cmdline"] or []
        if any(f"{folder}/" in word for word in [*words, f"{process.info['cwd']}/"]):
            found.append(process)
    return found


def until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Waits for something to be so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not so after {seconds} s"
        time.sleep(0.2)
