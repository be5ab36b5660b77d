"""The ways to sync policies that are measured: what each runs for a change."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from atoll import toolchain
from atoll.core.effect import Context
from atoll.federation.bundle_effects import BundleDelivery
from atoll.platform import CONTROL_PLANE
from bench import bundle, others, policies
from bench.fleet import Fleet, timed
from bench.policies import Manifest, Revision

_HERE = Path(__file__).parent
Argv = Sequence[str | Path]


@dataclass(frozen=True)
class Change:
    """One change: what the policies say from now on, and those of them that are others than before."""

    revision: Revision
    only: list[Manifest]


@dataclass(frozen=True)
class Way:
    """A way. `argv` prepares a change and says what is timed; `rounds` is how often it is measured at most.

    A `resident` one is started before, and begins at a line of its input. `end` takes away what it keeps beside the objects
    of the members.
    """

    name: str
    argv: Callable[[Change], Argv]
    variables: dict[str, str] = field(default_factory=dict)
    resident: bool = False
    end: Callable[[], None] = lambda: None
    rounds: int = 1_000_000


def all_ways(fleet: Fleet) -> list[Way]:
    """Every way, the slowest first."""
    tools = toolchain.ensure(["helm", "kubectl"])
    python = others.python()
    own = {"HOME": str(fleet.folder), "TMPDIR": str(fleet.folder), "LC_ALL": "C.UTF-8"}
    return [
        *(
            _ansible(fleet, python, own, kind, rounds)
            for kind, rounds in (("default", 1), ("tuned", 1_000_000))
        ),
        _atoll(fleet),
        _delivery(fleet),
        Way("Helm, all clusters at once", _helm(fleet, tools["helm"]), own),
        Way("kubectl apply --server-side, all at once", _kubectl(fleet, tools["kubectl"]), own),
        _pooled(fleet, python, "apply", "Python, pooled connections, fresh"),
        _pooled(fleet, python, "resident", "Python, pooled connections, resident"),
    ]


def resident(fleet: Fleet) -> list[Way]:
    """Those that wait for a change with their connections open."""
    return [each for each in all_ways(fleet) if each.resident]


def _atoll(fleet: Fleet) -> Way:
    def argv(change: Change) -> Argv:
        fleet.declare(policies.objects(change.revision))
        return fleet.up

    def end() -> None:
        fleet.declare([])
        timed(fleet.up, fleet)

    return Way("Atoll: atoll up", argv, fleet.variables, end=end)


def _delivery(fleet: Fleet) -> Way:
    """A federation's own time from write to effect: a process that writes the bundle's Works, and does nothing before."""

    def argv(change: Change) -> Argv:
        access = fleet.kubeconfig(CONTROL_PLANE).read_text()
        more = {"name": bundle.NAME, "access": access, "conflictResolution": "overwrite"}
        told = bundle.inputs(policies.objects(change.revision), fleet.members, **more)
        return [sys.executable, "-m", "bench.bundle", fleet.written("bundle.json", told)]

    def end() -> None:
        told = json.loads((fleet.folder / "bundle.json").read_text())
        BundleDelivery().delete(bundle.NAME, told, {}, Context())

    return Way("Atoll: a bundle, from write to effect", argv, resident=True, end=end)


def _ansible(fleet: Fleet, python: Path, own: dict[str, str], kind: str, rounds: int) -> Way:
    hosts = {name: {"kubeconfig": str(fleet.kubeconfig(name))} for name in fleet.members}
    common = {"ansible_connection": "local", "ansible_python_interpreter": str(python)}
    inventory = fleet.folder / "inventory.yml"
    inventory.write_text(yaml.safe_dump({"all": {"vars": common, "hosts": hosts}}))
    settings = {
        "ANSIBLE_INVENTORY": str(inventory),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        **({"ANSIBLE_FORKS": str(len(hosts)), "ANSIBLE_PIPELINING": "true"} if kind == "tuned" else {}),
    }

    def argv(change: Change) -> Argv:
        file = fleet.written("policies.yaml", change.only)
        book = _HERE / "ansible" / f"{kind}.yml"
        return [python.with_name("ansible-playbook"), book, "-e", f"policies={file}"]

    path = {"PATH": f"{python.parent}:/usr/bin:/bin"}
    return Way(f"Ansible, {kind}", argv, {**own, **settings, **path}, rounds=rounds)


def _kubectl(fleet: Fleet, kubectl: Path) -> Callable[[Change], Argv]:
    def argv(change: Change) -> Argv:
        file = fleet.written("policies.yaml", change.only)
        each: Argv = [
            kubectl,
            "--kubeconfig",
            "{}",
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            file,
        ]
        return _at_once(fleet, each)

    return argv


def _helm(fleet: Fleet, helm: Path) -> Callable[[Change], Argv]:
    def argv(change: Change) -> Argv:
        values = fleet.written("values.json", {"objects": policies.objects(change.revision)})
        each: Argv = [helm, "upgrade", "--install", "policies", _HERE / "chart", "--namespace", "default"]
        return _at_once(fleet, [*each, "--kubeconfig", "{}", "--values", values])

    return argv


def _at_once(fleet: Fleet, each: Argv) -> Argv:
    """The same command for every member, all at once; `{}` in it is a member's kubeconfig."""
    files = fleet.folder / "kubeconfigs"
    files.write_text("".join(f"{fleet.kubeconfig(name)}\n" for name in fleet.members))
    return ["xargs", f"--arg-file={files}", f"--max-procs={len(fleet.members)}", "-I{}", *each]


def _pooled(fleet: Fleet, python: Path, mode: str, name: str) -> Way:
    def argv(change: Change) -> Argv:
        return pooled(fleet, python, mode, [policies.located(each) for each in change.only])

    return Way(name, argv, resident=mode == "resident")


def removal(fleet: Fleet, objects: list[Manifest]) -> Argv:
    """What takes objects out of every member, and what Helm knows of its releases."""
    releases: tuple[str, str, Manifest] = (
        "/api/v1/namespaces/default/secrets?labelSelector=owner%3Dhelm",
        "",
        {},
    )
    return pooled(fleet, others.python(), "remove", [*map(policies.located, objects), releases])


def pooled(fleet: Fleet, python: Path, mode: str, objects: Sequence[tuple[str, str, Manifest]]) -> Argv:
    """The bare process for some objects."""
    written = fleet.written("objects.json", {"objects": objects})
    return [python, _HERE / "pooled.py", mode, fleet.targets(), written]
