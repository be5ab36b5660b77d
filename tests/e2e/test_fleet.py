"""Dead and slow clusters: the others are served, the dead ones are named once, and one that is gone can be forgotten."""

import contextlib
import time
from pathlib import Path

import psutil
import pytest
import yaml

from atoll.core.errors import Exit
from atoll.kubernetes import Kubeconfig
from e2e import dying, looking
from harness.waiting import until

pytestmark = pytest.mark.timeout(600)
LIMIT = 60
"""Seconds within which a run ends, whoever is dead."""
NOTE = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "note", "namespace": "harbour"}}
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "harbour"}}
ENVIRONMENT = "fleet"


class Fleet:
    """An environment with local members, and one that somebody else runs behind a bridge that can be cut."""

    def __init__(self, checkout, bridge, kubeconfig):
        self.checkout, self.bridge = checkout, bridge
        self.path = checkout.folder / "stacks" / f"{ENVIRONMENT}.yaml"
        guest = {"driver": "kubeconfig", "kubeconfig": {"file": kubeconfig}}
        self.usual = {"gannet": {"driver": "local"}, "petrel": {"driver": "local"}, "guest": guest}
        self.declare("calm")

    def declare(self, text, clusters=None):
        role = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            # The guest has the base inventory's own role already.
            "metadata": {"name": "harbour-operator"},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
        }
        inventory = {
            "controlPlane": {"driver": "local"},
            "clusters": self.usual if clusters is None else clusters,
            "propagations": {
                "operators": {"resources": [role]},
                "harbour": {"groups": ["all"], "resources": [NAMESPACE, {**NOTE, "data": {"text": text}}]},
            },
        }
        self.path.write_text(yaml.safe_dump(inventory))

    def run(self, *words, code):
        """Runs the command within the limit; returns what it said."""
        begin = time.monotonic()
        said = self.checkout.atoll(*words, code=code)
        assert time.monotonic() - begin < LIMIT, said.stdout + said.stderr
        return said

    def up(self, code=Exit.DONE, **more):
        words = [word for name, value in more.items() for word in (f"--{name}", value)]
        return self.run("up", ENVIRONMENT, *words, code=code)

    def folder(self, name):
        return self.checkout.environment(ENVIRONMENT).clusters / name

    def note(self, name):
        live = self.checkout.api(ENVIRONMENT, name).get(NOTE)
        return live["data"]["text"] if live else None

    def on_plane(self, name):
        """What the plane holds of a member."""
        plane = self.checkout.api(ENVIRONMENT, "control-plane")
        wanted = [
            ("cluster.karmada.io/v1alpha1", "Cluster", name, None),
            ("v1", "Namespace", f"karmada-es-{name}", None),
            ("v1", "Secret", name, "karmada-cluster"),
            ("v1", "Secret", f"{name}-impersonator", "karmada-cluster"),
        ]
        manifests = [
            {"apiVersion": version, "kind": kind, "metadata": {"name": each, "namespace": namespace}}
            for version, kind, each, namespace in wanted
        ]
        return [manifest["kind"] for manifest in manifests if plane.get(manifest)]


@pytest.fixture(scope="module")
def made(up):
    checkout, _ = up
    text = checkout.atoll("kubeconfig", "test", "control-plane").stdout.strip()
    known = Kubeconfig.read(Path(text).read_text())
    bridge = dying.Bridge(int(known.server.rpartition(":")[2]))
    kubeconfig = checkout.folder / "stacks" / "guest.kubeconfig"
    kubeconfig.write_text(dying.elsewhere(known, bridge.url))
    fleet = Fleet(checkout, bridge, str(kubeconfig))
    try:
        yield fleet
        bridge.open()
        fleet.declare("calm")
        checkout.atoll("down", ENVIRONMENT)
    finally:
        checkout.atoll("down", ENVIRONMENT, "--force", code=None)
        bridge.end()
        fleet.path.unlink()
        kubeconfig.unlink()


@pytest.fixture
def fleet(made):
    """The fleet as it is on a good day."""
    made.bridge.open()
    made.declare("calm")
    made.checkout.atoll("up", ENVIRONMENT)
    return made


def lines_about(said, name):
    """The problems told of a cluster."""
    return [line for line in said.stderr.splitlines() if name in line]


def test_the_dead_are_named_once_each_whatever_they_died_of_and_the_others_are_served(fleet, tmp_path):
    known = Kubeconfig.read((fleet.folder("gannet") / "pki" / "admin.kubeconfig").read_text())
    with contextlib.ExitStack() as stack:
        (tmp_path / "old").mkdir()
        other = stack.enter_context(dying.stranger(tmp_path))
        over = stack.enter_context(dying.stranger(tmp_path / "old", issued=dying.long_ago()))
        texts = {
            "refusing": dying.elsewhere(known, dying.refusing()),
            "hole": dying.elsewhere(known, stack.enter_context(dying.hole())),
            "stranger": dying.elsewhere(known, other.server, authority=other.authority),
            "over": dying.elsewhere(known, over.server, authority=over.authority),
            "closed": dying.elsewhere(known, known.server, certificate=b"", key=b"", token="nobody"),
        }
        for name, text in texts.items():
            (tmp_path / name).with_suffix(".kubeconfig").write_text(text)
        dead = {
            name: {"driver": "kubeconfig", "kubeconfig": {"file": str(tmp_path / f"{name}.kubeconfig")}}
            for name in texts
        }
        # Nodes are to be made in one that is frozen: it dies in the middle of a change of its own.
        petrel = {"petrel": {"driver": "local", "nodes": 3}}
        fleet.declare("storm", {**fleet.usual, **petrel, **dead})
        with dying.frozen(fleet.folder("petrel")):
            said = fleet.up(code=Exit.UNAVAILABLE)
            checked = fleet.run("up", ENVIRONMENT, "--check", code=Exit.UNAVAILABLE)
            refreshed = fleet.run("refresh", ENVIRONMENT, code=Exit.UNAVAILABLE)
            served = fleet.note("gannet"), fleet.note("guest")

    assert served == ("storm", "storm"), said.stdout + said.stderr
    for report in (said, checked, refreshed):
        for name in ("petrel", *dead):
            assert len(lines_about(report, f"[{name}]")) == 1, report.stderr
            assert f"{name} " in report.stdout
        assert report.stdout.count("unreachable=1") == 1 + len(dead)
    # They never joined, so that nothing of them is left to take out; the one that was frozen is back at once.
    fleet.declare("storm", {**fleet.usual, **petrel})
    fleet.up()
    assert fleet.note("petrel") == "storm"


def test_a_dead_plane_is_said_before_anything_is_tried(fleet):
    with dying.frozen(fleet.folder("control-plane")):
        said = fleet.up(code=Exit.UNAVAILABLE)
        checked = fleet.run("up", ENVIRONMENT, "--check", code=Exit.UNAVAILABLE)

    for report in (said, checked):
        (line,) = report.stderr.splitlines()
        assert line.startswith("control-plane: https://127.0.0.1:")
        assert "without it no member can be served" in line
    fleet.up()


def test_a_member_that_somebody_else_ran_is_forgotten_in_a_killed_run_and_joins_again(fleet):
    remaining = {name: value for name, value in fleet.usual.items() if name != "guest"}
    fleet.bridge.close()
    fleet.declare("calm", remaining)
    run = fleet.checkout.start("up", ENVIRONMENT, "--forget", "guest")
    until(lambda: "Cluster" not in fleet.on_plane("guest"), "its Cluster is gone")
    family = [psutil.Process(run.pid), *psutil.Process(run.pid).children(recursive=True)]
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    run.communicate()

    said = fleet.up(forget="guest")

    assert "what was carried there stays in it" in said.stdout
    assert fleet.on_plane("guest") == []
    assert "changed=0" in fleet.up(forget="guest").stdout
    fleet.bridge.open()
    fleet.declare("again")
    fleet.up()
    assert fleet.note("guest") == "again"


def test_a_frozen_member_is_forgotten_with_all_that_this_machine_has_of_it(fleet):
    with_skua = {**fleet.usual, "skua": {"driver": "local"}}
    fleet.declare("calm", with_skua)
    fleet.checkout.atoll("up", ENVIRONMENT)
    folder = fleet.folder("skua")
    declared = fleet.up(forget="skua", code=Exit.REFUSED)
    fleet.declare("calm")
    alive = fleet.up(forget="skua", code=Exit.REFUSED)
    mistyped = fleet.up(forget="skau", code=Exit.SETTINGS)

    with dying.frozen(folder):
        said = fleet.up(forget="skua")

    assert "Take it out there" in declared.stderr
    assert "it can leave properly" in alive.stderr
    assert "Did you mean 'skua'?" in mistyped.stderr
    assert "nothing of it is left" in said.stdout
    assert fleet.on_plane("skua") == []
    assert not folder.exists()
    assert looking.processes(folder) == []
    assert lines_about(said, "skua") == []
