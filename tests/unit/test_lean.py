"""What a lean cluster is started with, who has a part in the store, and what it takes that a cluster has nodes."""

import re
import resource
from pathlib import Path

import pytest
import yaml

from atoll import toolchain
from atoll.cluster.effects import LocalCluster
from atoll.cluster.local import credentials, launch, lean, programs, sharing, store
from atoll.cluster.local.seat import LEAN_SUBJECTS, STORE_SUBJECTS, Seat
from atoll.core.effect import Failure
from atoll.core.errors import ArgsError, RefusedError, UnavailableError
from atoll.host import Ports
from atoll.host.environment import VARIABLE
from atoll.platform import load, workloads
from harness import processes

FOLDER = Path("/data")
TOOLS = {"etcd": Path("/tools/etcd"), "kube-apiserver": Path("/tools/kube-apiserver")}
STORE = Seat(lean.STORE, FOLDER / lean.STORE, {"etcd": 20000, "etcd-peer": 20001}, TOOLS)


def _seat(name, port):
    return Seat(name, FOLDER / name, {"kube-apiserver": port}, TOOLS, STORE)


def _flags(program):
    return dict(word.removeprefix("--").split("=", 1) for word in program.argv[1:])


def test_it_is_an_api_server_alone_and_has_its_own_prefix_in_the_store():
    (one,), (two,) = (programs.lean(_seat(name, port)) for name, port in (("reef", 20002), ("motu", 20003)))

    assert (one.name, two.name) == ("reef.kube-apiserver", "motu.kube-apiserver")
    differing = {flag for flag, value in _flags(one).items() if _flags(two)[flag] != value}
    assert (_flags(one)["etcd-prefix"], _flags(two)["etcd-prefix"]) == ("/registry/reef", "/registry/motu")
    assert {"etcd-prefix", "secure-port", "encryption-provider-config", "tls-private-key-file"} <= differing
    assert "etcd-servers" not in differing


def test_it_reaches_the_store_by_the_stores_own_certificates_and_its_clients_by_its_own():
    (server,) = programs.lean(_seat("reef", 20002))
    flags = _flags(server)

    assert flags["etcd-servers"] == "https://127.0.0.1:20000"
    files = {name: value for name, value in flags.items() if value.startswith("/data")}
    assert {name: value.split("/")[2] for name, value in files.items()} == {
        **dict.fromkeys(files, "reef"),
        **dict.fromkeys(("etcd-cafile", "etcd-certfile", "etcd-keyfile"), lean.STORE),
    }
    assert flags["anonymous-auth"] == "false"
    assert programs.NOTICES_KEYS in server.argv


def test_everything_of_it_binds_loopback():
    for program in (programs.etcd(STORE), *programs.lean(_seat("reef", 20002))):
        bound = [value for name, value in _flags(program).items() if re.search("address|listen", name)]
        assert bound
        assert all(re.fullmatch(r"(https://)?127\.0\.0\.1(:\d+)?", value) for value in bound)


def test_a_cluster_with_a_store_of_its_own_keeps_its_place_there():
    own = Seat("reef", FOLDER / "reef", {"etcd": 1}, {})

    assert (own.store, own.root) == (own, "/registry")
    assert (_seat("reef", 1).store, _seat("reef", 1).root) == (STORE, "/registry/reef")
    assert store.prefix("secrets", own.root) == "/registry/secrets/"
    assert store.prefix("works.work.karmada.io", "/registry/reef") == "/registry/reef/work.karmada.io/works/"


@pytest.mark.parametrize(
    ("version", "kind", "needs"),
    [
        ("v1", "Pod", True),
        ("v1", "ConfigMap", False),
        ("apps/v1", "Deployment", True),
        ("apps/v1beta1", "StatefulSet", True),
        ("batch/v1", "CronJob", True),
        ("example.com/v1", "Deployment", False),
        ("apps/v1", "ControllerRevision", False),
        ("rbac.authorization.k8s.io/v1", "ClusterRole", False),
    ],
)
def test_what_needs_nodes(version, kind, needs):
    assert lean.needs_nodes(version, kind) is needs


@pytest.mark.parametrize(
    ("inputs", "failures"),
    [
        ({"lean": True}, []),
        ({"lean": True, "nodes": 0}, []),
        ({"lean": False, "nodes": 2}, []),
        (
            {"lean": True, "nodes": 2},
            [Failure("nodes", "found 2; expected none (a lean cluster has no nodes)")],
        ),
    ],
)
def test_a_lean_cluster_has_no_nodes(inputs, failures):
    assert LocalCluster().check({"name": "reef", **inputs}) == failures


def test_a_cluster_that_nobody_called_lean_is_no_other_for_being_called_none():
    effect = LocalCluster()

    assert effect.same("lean", old=None, new=False)
    assert not effect.same("lean", old=None, new=True)
    assert "lean" in effect.replace_on


@pytest.fixture
def environment(tmp_path, monkeypatch):
    return processes.bare(tmp_path, monkeypatch)


def _begun(environment, *names):
    for name in names:
        sharing.join(environment, name)
    (environment.clusters / lean.STORE / "etcd").mkdir(parents=True)
    (environment.programs / f"{lean.STORE}.etcd.conf").touch()
    sharing.seat(environment)


def _left(environment):
    return sorted(environment.cluster_names), sorted(Ports(environment).known())


def test_the_last_one_takes_the_store_along(environment):
    _begun(environment, "reef")
    assert launch.names(environment) == {"reef"}

    launch.remove(environment, "reef")

    assert _left(environment) == ([], [])
    assert list(environment.programs.iterdir()) == []


def test_where_nobody_shares_a_store_a_cluster_that_goes_leaves_no_lock_of_one(environment):
    with sharing.changing(environment):
        sharing.join(environment, "reef")
    (environment.clusters / "motu").mkdir(parents=True)

    launch.remove(environment, "motu")
    kept = [path.name for path in environment.folder.glob(f"{lean.STORE}*")]
    launch.remove(environment, "reef")

    assert (kept, [*environment.folder.glob(f"{lean.STORE}*")]) == ([f"{lean.STORE}.lock"], [])


def test_a_removal_that_was_killed_before_the_store_went_is_completed(environment):
    _begun(environment, "reef")
    (environment.clusters / "reef" / "lean").unlink()
    assert launch.names(environment) == {"reef", lean.STORE}

    launch.remove(environment, "reef")

    assert _left(environment) == ([], [])
    _begun(environment)
    launch.remove(environment, lean.STORE)
    assert _left(environment) == ([], [])


def test_one_whose_data_cannot_be_removed_keeps_its_part(environment):
    _begun(environment, "reef", "motu")
    credentials.ensure_store(sharing.seat(environment), STORE_SUBJECTS)

    with pytest.raises(UnavailableError, match="cluster lean-store: found no answer of its store"):
        launch.remove(environment, "reef")

    assert sharing.members(environment) == {"reef", "motu"}
    assert launch.names(environment) == {"reef", "motu"}


@pytest.mark.parametrize("was_lean", [True, False])
def test_what_was_begun_as_one_kind_is_not_made_the_other(environment, was_lean):
    (environment.clusters / "reef" / "pki").mkdir(parents=True)
    if was_lean:
        sharing.join(environment, "reef")

    sharing.refuse_other(environment, "reef", is_lean_one=was_lean)
    sharing.refuse_other(environment, "motu", is_lean_one=was_lean)
    with pytest.raises(RefusedError, match=r"begun and never finished; expected .* Take it out"):
        sharing.refuse_other(environment, "reef", is_lean_one=not was_lean)


def test_the_store_has_its_certificates_and_no_way_to_an_api_server(tmp_path):
    seat = Seat(lean.STORE, tmp_path, {}, {})
    credentials.ensure_store(seat, STORE_SUBJECTS)
    before = {path.name: path.read_bytes() for path in (tmp_path / "pki").iterdir()}

    credentials.ensure_store(seat, STORE_SUBJECTS)

    pairs = {f"{name}.{kind}" for name in ("ca", "etcd", "etcd-client") for kind in ("crt", "key")}
    assert set(before) == pairs | {credentials.LATE}
    assert {path.name: path.read_bytes() for path in (tmp_path / "pki").iterdir()} == before


def test_a_lean_cluster_has_no_certificate_of_a_store():
    assert set(LEAN_SUBJECTS) == {"kube-apiserver", "admin"}


def test_a_store_that_is_gone_is_told(environment, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(environment.folder))
    monkeypatch.setattr(toolchain, "ensure", lambda names: {name: FOLDER / name for name in names})
    sharing.join(environment, "reef")

    assert LocalCluster().stale({"name": "reef", "lean": True}, {}) == "the store that it shares is gone"
    assert not launch.exists(environment, lean.STORE)


def test_a_store_gets_no_more_clients_than_it_can_have_files(environment, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (1024, 1024))
    for number in range(12):
        sharing.join(environment, f"m{number}")

    sharing.join(environment, "m0")
    with pytest.raises(UnavailableError, match="found a limit of 1024; expected 1060 "):
        sharing.join(environment, "m12")
    assert len(sharing.members(environment)) == 12


_INVENTORY = {
    "controlPlane": {"driver": "local"},
    "groups": {"many": {"lean": True, "nodes": 3}},
    "clusters": {
        "reef": {"driver": "local", "groups": ["many"]},
        "motu": {"driver": "local", "groups": ["many"], "lean": False},
        "lagoon": {"driver": "local"},
    },
}


@pytest.fixture
def declared(tmp_path):
    folder = tmp_path / "stacks"
    folder.mkdir()
    (folder / "dev.yaml").write_text(yaml.safe_dump(_INVENTORY))
    return load(folder, "dev")


def test_a_group_makes_its_clusters_lean_and_a_cluster_may_say_otherwise(declared):
    found = {name: (each.lean, each.nodes) for name, each in declared.clusters.items()}

    assert found == {"reef": (True, None), "motu": (None, 3), "lagoon": (None, 1)}


def test_a_chart_with_pods_is_refused_where_it_goes_to_a_lean_cluster(declared):
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    pods = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}}

    workloads.refuse("release visits", [config], ["reef"], declared)
    workloads.refuse("release visits", [config, pods], ["motu", "lagoon"], declared)
    with pytest.raises(ArgsError) as raised:
        workloads.refuse("release visits", [config, pods], ["motu", "reef"], declared)
    assert str(raised.value) == (
        "release visits: found Deployment shop/web for reef; expected clusters with nodes (a lean one runs no pods)"
    )
