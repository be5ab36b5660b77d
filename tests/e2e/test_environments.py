"""Environments beside each other, clusters that somebody else runs, and how it all ends."""

import contextlib
import os
import socket

import psutil
import pytest
import yaml

from atoll.core import command
from atoll.core.errors import Exit
from e2e import looking
from harness.waiting import until

pytestmark = pytest.mark.timeout(400)
GUEST = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "guest", "namespace": "visitors"}}


def listening(folder):
    """The addresses at which the processes of a folder listen."""
    return {
        (connection.laddr.ip, connection.laddr.port)
        for process in looking.processes(folder)
        for connection in process.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }


def _assert_nothing_is_left(checkout, name, folder, addresses):
    assert not folder.exists()
    assert looking.processes(folder) == []
    for _, port in addresses:
        with socket.socket() as probe:
            # What its clients closed may linger for a minute; nobody listens.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    assert not (checkout.folder / "stacks" / f"Pulumi.{name}.yaml").exists()


def test_two_environments_come_up_at_once_and_end_one_after_the_other(up):
    checkout, _ = up
    runs = [checkout.start("up", name) for name in ("test-1", "test-2")]
    said = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    folders = [checkout.environment(name).folder for name in ("test", "test-1", "test-2")]
    addresses = [listening(folder) for folder in folders]
    # The plugins' server of the run before is gone by now: it goes after ten seconds.
    processes = {each.pid for each in looking.processes(folders[0])}
    before = looking.generations(checkout, "test")

    assert all(addresses)
    assert sum(len(each) for each in addresses) == len(set.union(*addresses))
    assert {ip for each in addresses for ip, _ in each} == {"127.0.0.1"}
    assert looking.replicas(checkout, "test-1") == looking.replicas(checkout, "test-2")

    checkout.atoll("down", "test-1")

    _assert_nothing_is_left(checkout, "test-1", folders[1], addresses[1])
    assert looking.replicas(checkout, "test-2") == {"tern": (2, 2), "heron": (1, 1)}
    assert looking.generations(checkout, "test") == before

    checkout.atoll("down", "test-2")

    _assert_nothing_is_left(checkout, "test-2", folders[2], addresses[2])
    assert checkout.run(["git", "status", "--porcelain"]).stdout == ""
    # The one that was there before stays as it was, up to its processes.
    assert looking.generations(checkout, "test") == before
    assert processes <= {each.pid for each in looking.processes(folders[0])}
    assert listening(folders[0]) == addresses[0]
    assert checkout.report("up", "test", "--check")["changes"] == []


def test_a_karmada_that_runs_is_taken_up_and_left_as_it_was(up):
    checkout, _ = up
    before = looking.generations(checkout, "test")
    inventory = _visiting({"file": _kubeconfig(checkout, "control-plane")}, {"gannet": {"driver": "local"}})

    with _environment(checkout, "visiting", inventory):
        checkout.report("up", "visiting")
        assert checkout.api("visiting", "gannet").get(GUEST)["data"] == {"from": "elsewhere"}
        assert checkout.report("up", "visiting")["changes"] == []
        assert _joined(checkout) == {"tern", "heron", "gannet"}

    assert _joined(checkout) == {"tern", "heron"}
    assert looking.generations(checkout, "test") == before
    assert checkout.report("recap", "test")["exit"] == Exit.DONE
    # Both inventories lie over one base: the policy of its propagation had one name on the shared plane, and went
    # with the visitor. The plane's owner puts it back.
    assert checkout.report("up", "test")["exit"] == Exit.DONE


def test_a_cluster_that_runs_joins_and_is_left_as_it_was(up):
    checkout, _ = up
    # Any API server will do: this one is a control plane's own.
    existing = {"driver": "kubeconfig", "kubeconfig": {"file": _kubeconfig(checkout, "control-plane")}}
    inside = checkout.api("test", "control-plane")

    with _environment(checkout, "visiting", _visiting(None, {"guest": existing})):
        checkout.report("up", "visiting")
        assert inside.get(GUEST)["data"] == {"from": "elsewhere"}
        assert checkout.report("up", "visiting")["changes"] == []

    assert inside.get(GUEST) is None
    assert {each["metadata"]["name"] for each in inside.items("v1", "ServiceAccount", "karmada-cluster")} <= {
        "default"
    }
    assert checkout.report("up", "test")["exit"] == Exit.DONE


def test_a_member_of_another_federation_is_refused(up):
    checkout, _ = up
    taken = {"driver": "kubeconfig", "kubeconfig": {"file": _kubeconfig(checkout, "heron")}}
    before = looking.generations(checkout, "test")

    with _environment(checkout, "visiting", _visiting(None, {"guest": taken})):
        report = checkout.report("up", "visiting", code=Exit.FAILED)

    said = [problem["text"] for problem in report["problems"]]
    assert any("found karmada-heron in it, the account of another federation" in text for text in said)
    assert looking.generations(checkout, "test") == before


def test_the_last_override_of_an_object_can_go(up):
    checkout, _ = up
    with checkout.edited("test", lambda it: it["groups"]["north"]["vars"].update(replicas=1)):
        assert checkout.report("up", "test")["exit"] == Exit.DONE
        assert looking.replicas(checkout, "test") == {"tern": (1, 1), "heron": (1, 1)}
        assert checkout.report("up", "test")["changes"] == []

    checkout.report("up", "test")

    assert looking.replicas(checkout, "test") == {"tern": (2, 2), "heron": (1, 1)}


def test_a_member_that_died_is_named_and_holds_up_nobody(up):
    checkout, _ = up
    with (
        looking.frozen(checkout),
        checkout.edited("test", lambda it: it.update(vars={"logLevel": "debug"})),
    ):
        report = checkout.report("up", "test", code=Exit.UNAVAILABLE)
        settings = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "settings", "namespace": "beacon"},
        }
        served = checkout.api("test", "tern").get(settings)["data"]

    assert report["clusters"]["heron"]["unreachable"]
    assert report["clusters"]["tern"]["failed"] == 0
    assert served == {"level": "debug"}
    assert any("heron" in f"{problem['cluster']} {problem['text']}" for problem in report["problems"])
    until(lambda: checkout.report("up", "test", code=None)["exit"] == Exit.DONE, "all is well again", 150)
    assert checkout.report("recap", "test")["exit"] == Exit.DONE


def test_a_member_that_is_dead_can_leave(up):
    checkout, _ = up
    before = looking.generations(checkout, "test")
    folder = checkout.environment("test").clusters / "skua"
    with checkout.edited("test", lambda it: it["clusters"].update(skua={"driver": "local"})):
        checkout.report("up", "test")
    for process in looking.processes(folder):
        if "kube-apiserver" in process.name():
            process.suspend()

    report = checkout.report("up", "test")

    assert any("expected to take Karmada's rights away" in problem["text"] for problem in report["problems"])
    assert not folder.exists()
    assert looking.processes(folder) == []
    assert _joined(checkout) == {"tern", "heron"}
    assert looking.generations(checkout, "test") == before


def test_a_run_that_was_killed_is_taken_up_by_the_next(up):
    checkout, _ = up
    with checkout.edited("test", lambda it: it["clusters"].update(skua={"driver": "local"})):
        run = checkout.start("up", "test")
        clusters = checkout.environment("test").clusters
        until((clusters / "skua" / "pki" / "ca.crt").exists, "the cluster is begun")
        engine = [
            each for each in psutil.Process(run.pid).children(recursive=True) if each.name() == "pulumi"
        ]
        for process in (psutil.Process(run.pid), *engine):
            process.kill()
        run.communicate()
        until(lambda: not any(each.is_running() for each in engine), "the engine is gone")

        report = checkout.report("up", "test")

    assert report["exit"] == Exit.DONE
    assert any("which is dead" in problem["text"] for problem in report["problems"])
    again = checkout.report("up", "test")
    assert again["exit"] == Exit.DONE
    assert not (clusters / "skua").exists()


def test_nobody_meets_what_the_callers_shell_holds(up):
    checkout, _ = up

    shell = checkout.shell("test", "env").stdout
    engine_sees = dict(line.split("=", 1) for line in shell.splitlines() if "=" in line)

    assert engine_sees["KUBECONFIG"] == os.devnull
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "HTTPS_PROXY"} & engine_sees.keys()
    folder = str(checkout.environment("test").folder)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        assert engine_sees[name].startswith(folder)
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_KMS"):
        assert engine_sees[name].startswith("http://127.0.0.1:")
    assert not [name for name, value in engine_sees.items() if "planted" in value.lower()]
    for process in looking.processes(checkout.environment("test").folder):
        assert "planted" not in "".join(process.environ().values())


def test_an_environment_whose_state_is_broken_still_goes_down(checkout):
    environment_file = checkout.folder / "stacks" / "test-3.yaml"
    assert not environment_file.exists()
    checkout.atoll("env", "test-3")
    folder = checkout.environment("test-3").folder
    for path in folder.rglob("*.json"):
        path.write_text("{")

    checkout.atoll("down", "test-3")

    assert not folder.exists()
    assert looking.processes(folder) == []
    assert command.run(["git", "status", "--porcelain"], cwd=checkout.folder).stdout == ""


def _visiting(plane, clusters):
    """An inventory with a ConfigMap for all of its clusters; `plane` is a kubeconfig or None for a local one."""
    control_plane = {"driver": "kubeconfig", "kubeconfig": plane} if plane else {"driver": "local"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "visitors"}}
    resources = [namespace, {**GUEST, "data": {"from": "elsewhere"}}]
    return {
        "controlPlane": control_plane,
        "clusters": clusters,
        "propagations": {
            "operators": {"resources": [_renamed_role()]},
            "visitors": {"groups": ["all"], "resources": resources},
        },
    }


def _renamed_role():
    """The base inventory's role under another name: two owners of one object would meet in a shared cluster."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "visiting-operator"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    }


@contextlib.contextmanager
def _environment(checkout, name, inventory):
    path = checkout.folder / "stacks" / f"{name}.yaml"
    path.write_text(yaml.safe_dump(inventory))
    try:
        yield
    except BaseException:
        checkout.atoll("down", name, "--force", code=None)
        raise
    else:
        checkout.atoll("down", name)
    finally:
        path.unlink()


def _joined(checkout):
    clusters = checkout.api("test", "control-plane").items("cluster.karmada.io/v1alpha1", "Cluster")
    return {each["metadata"]["name"] for each in clusters}


def _kubeconfig(checkout, name):
    return checkout.atoll("kubeconfig", "test", name).stdout.strip()
