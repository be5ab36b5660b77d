"""A rehearsal of a shared environment on this machine: `make rehearse`.

Its inventory is applied as it stands, by the real command and engine, to clusters that are made for it: a Karmada and
members as processes of this machine, in a kubeconfig at the place that the inventory names. KMS, S3 and ECR are moto's, to
which AWS_ENDPOINT_URL leads every client. What is not real: the cloud's own rules (moto asks for no rights), nodes and pods.
"""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import psutil
import yaml

from atoll.core.errors import Exit
from atoll.federation.joining import CLUSTER_NAMESPACE
from atoll.kubernetes import Api, Kubeconfig
from atoll.platform import CONTROL_PLANE, Inventory, load
from e2e import checkout as checkouts
from e2e.checkout import ROOT, Checkout
from harness import kms, site
from harness.waiting import until

NAME = "prod"
_LOGIN = {
    "AWS_ACCESS_KEY_ID": "rehearsal",
    "AWS_SECRET_ACCESS_KEY": "rehearsal",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}
_LOCKS = ".pulumi/locks/"
_EMPTY = f"Namespace {CLUSTER_NAMESPACE}"
"""What leaves a federation keeps the namespace of the accounts that it had for it; they go."""
Say = Callable[[str], None]


def run(say: Say, name: str = NAME) -> None:
    """Brings the environment up, again without a change, and takes everything down; says each step as it is done.

    Raises:
        AssertionError: something is not as it should be.
    """
    inventory = load(ROOT / "stacks", name)
    _refuse(inventory)
    with _stage(say, inventory) as stage:
        for act in (_bootstrap, _plan, _up, _again, _protected, _down):
            begin = time.monotonic()
            say(f"{act(stage)} ({time.monotonic() - begin:.0f} s)")
    say("everything that was made for it is gone")


@dataclass(frozen=True)
class Stage:
    """What it is played on: two machines (the same checkout, a home of its own each), clusters, a cloud."""

    inventory: Inventory
    here: Checkout
    elsewhere: Checkout
    clusters: Mapping[str, Api]
    before: Mapping[str, set[str]]
    """What each cluster held, by its name."""
    endpoint: str

    @property
    def name(self) -> str:
        """The environment."""
        return self.inventory.environment

    @property
    def plan(self) -> Path:
        """The file of a plan, which both machines reach."""
        return self.here.home.parent / "plan.atoll"

    def locks(self) -> list[str]:
        """The locks in the bucket."""
        listed = self.client("s3").list_objects_v2(Bucket=self._bucket, Prefix=_LOCKS)
        return [each["Key"] for each in listed.get("Contents", []) if each["Key"].endswith(".json")]

    def resources(self) -> dict[str, dict[str, Any]]:
        """What the state in the bucket holds, by URN."""
        key = f".pulumi/stacks/atoll/{self.name}.json"
        found = self.client("s3").get_object(Bucket=self._bucket, Key=key)
        latest = json.loads(found["Body"].read())["checkpoint"]["latest"]
        return {each["urn"]: each for each in latest.get("resources") or []}

    def client(self, service: str) -> Any:
        """A service of the cloud, as its owner sees it."""
        session: Any = boto3.session.Session(
            _LOGIN["AWS_ACCESS_KEY_ID"],
            _LOGIN["AWS_SECRET_ACCESS_KEY"],
            region_name=self.inventory.kms.region,
        )
        return session.client(service, endpoint_url=self.endpoint)

    @property
    def _bucket(self) -> str:
        assert self.inventory.state
        return self.inventory.state.bucket


def _refuse(inventory: Inventory) -> None:
    """Nothing may lead to what is real."""
    where = f"stacks/{inventory.environment}.yaml"
    assert inventory.state, f"{where}: found no state; expected a bucket (only what is shared is rehearsed)"
    places = {"kms": inventory.kms.endpoint, "state": inventory.state.endpoint}
    places |= {name: each.settings.get("endpoint") for name, each in inventory.registries.items()}
    for what, endpoint in places.items():
        assert not endpoint, (
            f"{where}: {what}: found endpoint {endpoint}; expected none (all leads to this machine)"
        )
    for name, kubeconfig in _kubeconfigs(inventory).items():
        inside = not kubeconfig.file.startswith(("/", "~", ".."))
        assert inside, (
            f"{where}: {name}: found {kubeconfig.file}; expected a path in the checkout (a copy gets it)"
        )


def _kubeconfigs(inventory: Inventory) -> dict[str, Any]:
    """Where each cluster that exists is looked for."""
    parts = {CONTROL_PLANE: inventory.control_plane.kubeconfig}
    parts |= {name: cluster.kubeconfig for name, cluster in inventory.clusters.items()}
    return {name: kubeconfig for name, kubeconfig in parts.items() if kubeconfig}


@contextlib.contextmanager
def _stage(say: Say, inventory: Inventory) -> Iterator[Stage]:
    begin, wanted = time.monotonic(), _kubeconfigs(inventory)
    with checkouts.made() as here, kms.served() as port:
        ground = here.home.parent / "site"
        planes = [name for name in wanted if name == CONTROL_PLANE]
        with site.running(ground, [name for name in wanted if name != CONTROL_PLANE], planes) as access:
            _write(here, {name: (wanted[name], access[name]) for name in wanted})
            endpoint, keeper = f"http://127.0.0.1:{port}", kms.Proxy(port)
            two = Checkout(here.folder, here.home.parent / "two")
            for machine in (here, two):
                _lead(machine, endpoint, keeper.endpoint)
            apis = {name: Api(Kubeconfig.read(text)) for name, text in access.items()}
            say(
                f"{', '.join(wanted)} run here; KMS, S3 and ECR at {endpoint} ({time.monotonic() - begin:.0f} s)"
            )
            try:
                before = {name: _content(api) for name, api in apis.items()}
                yield Stage(inventory, here, two, apis, before, endpoint)
            finally:
                for machine in (here, two):
                    machine.atoll("down", inventory.environment, "--force", code=None)
                keeper.stop()


def _write(checkout: Checkout, found: Mapping[str, tuple[Any, str]]) -> None:
    """The kubeconfigs at the places that the inventory names, several clusters in one file."""
    documents: dict[str, dict[str, Any]] = {}
    for kubeconfig, text in found.values():
        one = Kubeconfig.read(text)
        made = yaml.safe_load(replace(one, name=kubeconfig.context or one.name).text())
        whole = documents.setdefault(kubeconfig.file, made)
        if whole is not made:
            for part in ("clusters", "users", "contexts"):
                whole[part] += made[part]
    for file, document in documents.items():
        path = checkout.folder / file
        path.parent.mkdir(exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(document))


def _lead(machine: Checkout, endpoint: str, keeper: str) -> None:
    """Leads a machine's commands to the cloud of the rehearsal, whatever the caller's shell says.

    To the KMS by a way on which somebody remembers what moto takes and does not tell (how often a key rotates).
    """
    for variable in [each for each in machine.variables if each.startswith("AWS_")]:
        del machine.variables[variable]
    machine.variables |= {**_LOGIN, "AWS_ENDPOINT_URL": endpoint, "AWS_ENDPOINT_URL_KMS": keeper}


def _content(api: Api) -> set[str]:
    """What would show that somebody was here."""
    kinds = [
        ("v1", "Namespace"),
        *(("rbac.authorization.k8s.io/v1", f"ClusterRole{each}") for each in ("", "Binding")),
    ]
    return {
        f"{kind} {each['metadata']['name']}" for version, kind in kinds for each in api.items(version, kind)
    }


def _joined(stage: Stage) -> set[str]:
    """The members of the Karmada."""
    listed = stage.clusters[CONTROL_PLANE].items("cluster.karmada.io/v1alpha1", "Cluster")
    return {each["metadata"]["name"] for each in listed}


def _bootstrap(stage: Stage) -> str:
    """Key and bucket are made once."""
    made = stage.here.report("bootstrap", stage.name)
    assert made["changes"]
    assert stage.here.report("bootstrap", stage.name, "--check")["changes"] == []
    return f"bootstrap: {made['key']} and bucket {made['bucket']}"


def _plan(stage: Stage) -> str:
    """A plan is made on one machine and applied on another."""
    shown = stage.elsewhere.report("plan", stage.name, "--out", str(stage.plan))
    assert _joined(stage) == set()
    return f"plan: {len(shown['changes'])} changes, and nothing made"


def _up(stage: Stage) -> str:
    """The first run, whose lock in the bucket keeps another machine out."""
    run = stage.here.start("up", stage.name, "--plan", str(stage.plan), "--json")
    until(stage.locks, "the lock is in the bucket", 120)
    engine = [each for each in psutil.Process(run.pid).children(recursive=True) if each.name() == "pulumi"]
    for process in engine:
        process.suspend()
    refused = stage.elsewhere.shell(stage.name, "pulumi refresh --yes --skip-preview", code=None)
    for process in engine:
        process.resume()
    output, _ = run.communicate()
    assert run.returncode == Exit.DONE, output
    assert refused.returncode != 0
    assert "the stack is currently locked by 1 lock" in refused.stdout + refused.stderr, refused
    assert stage.locks() == []
    assert _joined(stage) == set(stage.inventory.clusters)
    return f"up --plan: {len(stage.resources())} resources; its lock kept another machine out"


def _again(stage: Stage) -> str:
    """The second run, from the other machine: all that it knows is in Git, the bucket and the KMS."""
    again = stage.elsewhere.report("up", stage.name)
    assert again["changes"] == []
    return "up again, from another machine: nothing to do"


def _protected(stage: Stage) -> str:
    before = stage.resources()
    for words in (("destroy",), ("destroy", "--check"), ("down",)):
        refused = stage.here.atoll(*words, stage.name, code=Exit.REFUSED)
        assert stage.resources() == before
    kept = [urn for urn, each in before.items() if each.get("protect")]
    assert kept
    return f"destroy and down: refused, {len(kept)} resources are protected: {refused.stderr.strip()}"


def _down(stage: Stage) -> str:
    """Whoever means it takes the protection away first."""
    stage.here.shell(stage.name, "pulumi state unprotect --all --yes")
    stage.elsewhere.atoll("down", stage.name, "--force")
    stage.here.atoll("down", stage.name)
    assert stage.resources() == {}
    assert _joined(stage) == set()
    for name, api in stage.clusters.items():
        other = sorted((_content(api) ^ stage.before[name]) - {_EMPTY})
        assert not other, f"{name}: {other}"
    aliases = {each["AliasName"] for each in stage.client("kms").list_aliases()["Aliases"]}
    kept = {f"alias/{key.alias}" for key in stage.inventory.keys.values() if key.retain}
    assert kept <= aliases
    return f"down: the clusters are as they were; keys that stay: {', '.join(sorted(kept)) or 'none'}"


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    run(_tell)
