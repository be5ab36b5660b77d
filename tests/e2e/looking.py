"""What the clusters of an environment say of themselves, each through its own API."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from atoll.core.errors import Exit
from atoll.kubernetes import Api, Kubeconfig
from e2e.checkout import Checkout
from harness.waiting import until

DEPLOYMENT = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "light", "namespace": "beacon"},
}
MEMBERS = ("tern", "heron")


def api(kubeconfig: Path) -> Api:
    """The API server that a kubeconfig's file leads to."""
    return Api(Kubeconfig.read(kubeconfig.read_text()))


def deployment(checkout: Checkout, environment: str, cluster: str) -> dict[str, Any]:
    """The Deployment of the test inventory as one member has it."""
    live = checkout.api(environment, cluster).get(DEPLOYMENT)
    assert live is not None, f"{cluster} has no Deployment"
    return live


def resources_of(member: str) -> set[str]:
    """What a local member is made of."""
    return {
        f"Cluster {member}",
        f"Cluster {member}-cluster",
        f"LocalCluster {member}-local",
        f"Member {member}",
        f"MemberAccess {member}-access",
        f"MemberStatus {member}-status",
        f"Secret {member}-impersonator",
        f"Secret {member}-token",
    }


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


def workers(folder: Path) -> dict[str, list[psutil.Process]]:
    """What an engine runs for an environment, by what it is: `pulumi`, `program`, `plugin-atoll`, ..."""
    found: dict[str, list[psutil.Process]] = {}
    for process in psutil.process_iter(["cmdline"]):
        role = _role(process.info["cmdline"] or [])
        if role and _works_for(process, folder):
            found.setdefault(role, []).append(process)
    return found


_ROLES = (
    (re.compile(r"^atoll\.provider\.program$|/pulumi-language-python-exec$"), "program"),
    # A plugin is known by its module or, before its launcher has become that, by its launcher.
    (re.compile(r"^atoll\.provider\.(\w+)|/pulumi-resource-(\w+)$"), "plugin-{}"),
    (re.compile(r"/pulumi-language-python$"), "language-host"),
    # Typed by hand, it has no folder.
    (re.compile(r"(?:^|/)pulumi$"), "pulumi"),
)


def _role(words: list[str]) -> str | None:
    for pattern, role in _ROLES:
        # The launcher's interpreter and its options come first; further words are arguments.
        for match in filter(None, map(pattern.search, words[:6])):
            return role.format(next((part for part in match.groups() if part), ""))
    return None


def _works_for(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.environ().get("ATOLL_ENVIRONMENT") == str(folder)
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False


def changed(report: dict[str, Any]) -> set[str]:
    """The resources that a run or a preview names, as `<type> <name>`."""
    found = set()
    for change in report["changes"]:
        _, _, kind, name = change["urn"].split("::", 3)
        found.add(f"{kind.rsplit('$', 1)[-1].rsplit(':', 1)[-1]} {name}")
    return found


@contextlib.contextmanager
def frozen(checkout: Checkout) -> Iterator[None]:
    """The test inventory's heron with an API server that takes connections and answers nothing; well again afterwards."""
    found = processes(checkout.environment("test").clusters / "heron")
    stopped = [each for each in found if "kube-apiserver" in each.name()]
    for process in stopped:
        process.suspend()
    try:
        yield
    finally:
        for process in stopped:
            process.resume()
        until(
            lambda: checkout.report("recap", "test", code=None)["exit"] == Exit.DONE, "all is well again", 150
        )
