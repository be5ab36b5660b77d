"""A lean member beside those with nodes: it joins, gets what is carried, dies, comes back, is changed and leaves."""

import os
import signal

import pytest

from atoll.core.errors import AtollError, Exit
from e2e import looking
from harness.waiting import until

pytestmark = pytest.mark.timeout(400)
NAMES = ("skua", "fulmar")
ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "fleet-operator"},
}


def _joining(inventory):
    """Two lean members; what needs nodes stays where they are."""
    for name in NAMES:
        inventory["clusters"][name] = {"driver": "local", "lean": True}
    inventory["propagations"]["beacon"]["groups"] = ["north", "south"]
    inventory["registries"]["depot"]["pullSecrets"]["depot"]["groups"] = ["north", "south"]


def _pid(checkout, process):
    listed = {each["name"]: each for each in checkout.report("status", "test", code=None)["processes"]}
    found: int = listed.get(process, {}).get("pid", 0)
    return found


def _has_role(checkout, name):
    try:
        return checkout.api("test", name).get(ROLE) is not None
    except AtollError:
        return False


def test_lean_members_join_are_served_die_come_back_and_leave(up):
    checkout, _ = up
    folder = checkout.environment("test").folder
    before, ports = looking.generations(checkout, "test"), (folder / "ports.json").read_text()

    with checkout.edited("test", _joining):
        report = checkout.report("up", "test")
        assert all(_has_role(checkout, name) for name in NAMES)
        assert {name: report["clusters"][name]["failed"] for name in NAMES} == dict.fromkeys(NAMES, 0)
        assert {path.name.rpartition(".conf")[0] for path in (folder / "programs").glob("skua.*")} == {
            "skua.kube-apiserver"
        }
        os.kill(_pid(checkout, "skua.kube-apiserver"), signal.SIGKILL)
        until(lambda: _has_role(checkout, "skua"), "it has its objects again", 90)
        checkout.api("test", "skua").delete(ROLE)
        until(lambda: _has_role(checkout, "skua"), "Karmada puts its object back", 90)
        assert _pid(checkout, "lean-store.etcd")

    checkout.report("up", "test")

    assert looking.generations(checkout, "test") == before
    assert (folder / "ports.json").read_text() == ports
    left = [path for path in folder.rglob("*") if {"skua", "fulmar", "lean-store"} & {*path.name.split(".")}]
    assert left == []
    assert not [each for each in looking.processes(folder) if "lean-store" in " ".join(each.cmdline())]


def test_what_needs_nodes_is_refused_for_a_lean_member_before_anything_begins(up):
    checkout, _ = up

    with checkout.edited("test", lambda it: it["clusters"].update(skua={"driver": "local", "lean": True})):
        said = checkout.atoll("up", "test", code=Exit.SETTINGS).stderr

    assert (
        "found Deployment beacon/light for skua; expected clusters with nodes (a lean one runs no pods)"
        in said
    )
    assert not (checkout.environment("test").clusters / "skua").exists()
