"""The life of one environment, as its engineer sees it. Each test leaves it as it found it."""

import os
import signal

import pytest

from atoll.automation import sealing
from atoll.core.errors import Exit
from e2e import looking
from harness.waiting import until

pytestmark = pytest.mark.timeout(300)


def test_every_member_is_ready_and_runs_the_deployment_with_its_override(up):
    checkout, report = up

    assert report["exit"] == Exit.DONE
    assert {name: entry["failed"] for name, entry in report["clusters"].items()} == {
        "control-plane": 0,
        "tern": 0,
        "heron": 0,
    }
    clusters = checkout.api("test", "control-plane").items("cluster.karmada.io/v1alpha1", "Cluster")
    ready = {
        entry["metadata"]["name"]: condition["status"]
        for entry in clusters
        for condition in entry["status"]["conditions"]
        if condition["type"] == "Ready"
    }
    assert ready == {"tern": "True", "heron": "True"}
    assert looking.replicas(checkout, "test") == {"tern": (2, 2), "heron": (1, 1)}


def test_a_second_run_and_a_preview_and_a_refresh_find_nothing_to_do(up):
    checkout, _ = up

    assert checkout.report("up", "test")["changes"] == []
    assert checkout.report("up", "test", "--check")["changes"] == []
    checkout.shell("test", "pulumi refresh --preview-only --expect-no-changes --non-interactive")
    checkout.shell("test", "pulumi preview --expect-no-changes --non-interactive")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("print(5 / 0)", ["Program failed with an unhandled exception", "__main__.py", "ZeroDivisionError"]),
        ("raise pulumi.RunError('found rain; expected sun')", ["found rain; expected sun"]),
        ("import nowhere", ["ModuleNotFoundError: No module named 'nowhere'"]),
    ],
)
def test_a_program_that_fails_is_told_with_its_reason_once(up, line, told):
    checkout, _ = up
    main = checkout.folder / "__main__.py"
    before = main.read_text()
    main.write_text(f"{before}\nprint('on the way')\n{line}\n")
    try:
        report = checkout.report("up", "test", "--check", code=Exit.FAILED)
    finally:
        main.write_text(before)

    (problem,) = report["problems"]
    assert [words for words in told if words not in problem["text"]] == []


def test_the_working_tree_is_as_clean_as_before(up):
    checkout, _ = up

    assert checkout.run(["git", "status", "--porcelain"]).stdout == ""


def test_pulumi_typed_by_hand_warns_of_nothing_and_knows_the_programs(up):
    checkout, _ = up

    said = checkout.shell(
        "test", "pulumi preview --non-interactive && kubectl version --client && atoll --help"
    )

    assert "warning" not in said.stdout + said.stderr


def test_another_image_is_previewed_exactly_and_reaches_each_member(up):
    checkout, _ = up
    expected = {
        "Deployment control-plane-deployment.apps.beacon.light",
        "ClusterOverridePolicy beacon-override-deployment.apps.beacon.light",
        "PropagationStatus beacon-status",
    }

    with checkout.edited("test", lambda it: it.update(vars={"image": "registry.k8s.io/pause:3.9"})):
        assert looking.changed(checkout.report("up", "test", "--check", code=Exit.CHANGES)) == expected
        report = checkout.report("up", "test")

    assert looking.changed(report) == expected
    assert {name: entry["changed"] for name, entry in report["clusters"].items()} == {
        "control-plane": 2,
        "tern": 1,
        "heron": 1,
    }
    images = {looking.image(checkout, "test", name) for name in looking.MEMBERS}
    assert images == {"registry.k8s.io/pause:3.9"}
    checkout.report("up", "test")


def test_more_nodes_in_one_member_touch_that_member_alone(up):
    checkout, _ = up
    before = looking.generations(checkout, "test")

    with checkout.edited("test", lambda it: it["clusters"]["heron"].update(nodes=3)):
        preview = checkout.report("up", "test", "--check", code=Exit.CHANGES)
        report = checkout.report("up", "test")
        nodes = [len(checkout.api("test", name).items("v1", "Node")) for name in looking.MEMBERS]

    assert looking.changed(preview) == looking.changed(report) == {"LocalCluster heron-local"}
    assert nodes == [1, 3]
    assert looking.generations(checkout, "test") == before
    checkout.report("up", "test")
    assert len(checkout.api("test", "heron").items("v1", "Node")) == 1


def test_a_member_that_joins_and_leaves_touches_no_other(up):
    checkout, _ = up
    before = looking.generations(checkout, "test")
    ports = (checkout.environment("test").folder / "ports.json").read_text()
    fleet = {
        "ClusterPropagationPolicy beacon-placement",
        "ClusterPropagationPolicy depot-pull-placement",
        "ClusterPropagationPolicy operators-placement",
        "ClusterOverridePolicy beacon-override-deployment.apps.beacon.light",
        "PropagationStatus beacon-status",
        "PropagationStatus depot-pull-status",
        "PropagationStatus operators-status",
    }
    own = looking.resources_of("skua")

    with checkout.edited(
        "test", lambda it: it["clusters"].update(skua={"driver": "local", "groups": ["north"]})
    ):
        preview = checkout.report("up", "test", "--check", code=Exit.CHANGES)
        report = checkout.report("up", "test")
        wanted = looking.deployment(checkout, "test", "skua")["spec"]["replicas"]

    assert looking.changed(preview) == looking.changed(report) == fleet | own
    assert wanted == 2
    assert looking.generations(checkout, "test") == before
    leaving = checkout.report("up", "test")
    assert looking.changed(leaving) == fleet | own
    assert looking.generations(checkout, "test") == before
    assert (checkout.environment("test").folder / "ports.json").read_text() == ports
    assert not (checkout.environment("test").clusters / "skua").exists()


def test_a_renamed_propagation_deletes_nothing_in_the_members(up):
    checkout, _ = up
    uids = {name: looking.deployment(checkout, "test", name)["metadata"]["uid"] for name in looking.MEMBERS}

    def rename(inventory):
        inventory["propagations"]["lighthouse"] = inventory["propagations"].pop("beacon")

    with checkout.edited("test", rename):
        checkout.report("up", "test")
        renamed = {
            name: looking.deployment(checkout, "test", name)["metadata"]["uid"] for name in looking.MEMBERS
        }
    checkout.report("up", "test")

    assert renamed == uids
    assert checkout.report("recap", "test")["exit"] == Exit.DONE


def test_what_somebody_deleted_or_changed_on_the_plane_is_told_as_drift_and_put_back(up):
    checkout, _ = up
    plane, state = checkout.api("test", "control-plane"), sealing.kept(checkout.environment("test"))
    assert checkout.report("drift", "test")["changes"] == []
    plane.delete(looking.DEPLOYMENT)
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings", "namespace": "beacon"},
    }
    found = plane.get(settings)
    kept = {
        key: value
        for key, value in found["metadata"].items()
        if key in {"name", "namespace", "labels", "annotations"}
    }
    # As somebody who works as Atoll: what another owns is a conflict, which `up` tells.
    plane.apply({**settings, "metadata": kept, "data": {"level": "loud"}})
    gone = {name: checkout.api("test", name) for name in looking.MEMBERS}
    until(lambda: not any(api.get(looking.DEPLOYMENT) for api in gone.values()), "the members lose it")
    before = state.read_bytes()

    drift = checkout.report("drift", "test", code=Exit.DRIFT)
    assert state.read_bytes() == before
    live = checkout.report("recap", "test", code=Exit.FAILED)
    report = checkout.report("up", "test")

    verbs = {each["urn"].rpartition("::")[2]: (each["verb"], each["properties"]) for each in drift["changes"]}
    assert verbs["control-plane-deployment.apps.beacon.light"][0] == "gone"
    assert verbs["control-plane-configmap.beacon.settings"][0] == "drifted"
    assert any("data" in each for each in verbs["control-plane-configmap.beacon.settings"][1])
    assert checkout.report("drift", "test")["changes"] == []
    assert plane.get(settings)["data"] == {"level": "info"}
    assert live["clusters"]["tern"]["failed"] == 1
    assert "Deployment control-plane-deployment.apps.beacon.light" in looking.changed(report)
    assert report["clusters"]["tern"]["changed"] == 1
    assert looking.replicas(checkout, "test") == {"tern": (2, 2), "heron": (1, 1)}


def test_a_process_that_is_killed_comes_back_with_its_data(up):
    checkout, _ = up
    uid = looking.deployment(checkout, "test", "tern")["metadata"]["uid"]
    api = checkout.api("test", "tern")

    pid = _pid(checkout, "tern.etcd")
    os.kill(pid, signal.SIGKILL)
    until(lambda: _pid(checkout, "tern.etcd") not in (0, pid) and api.healthy(), "the store is back")

    assert looking.deployment(checkout, "test", "tern")["metadata"]["uid"] == uid
    assert checkout.report("up", "test")["changes"] == []


def test_kubeconfigs_are_listed_with_their_roles_and_are_for_their_owner_alone(up):
    checkout, _ = up

    listed = [line.split() for line in checkout.atoll("kubeconfig", "test").stdout.splitlines()]

    assert [(name, role) for name, role, _ in listed] == [
        ("control-plane", "control-plane"),
        ("tern", "member"),
        ("heron", "member"),
    ]
    modes = {checkout.run(["stat", "-c", "%a", path]).stdout.strip() for _, _, path in listed}
    assert modes == {"600"}
    unknown = checkout.atoll("kubeconfig", "test", "ternn", code=Exit.SETTINGS)
    assert unknown.stderr.startswith("kubeconfig: found 'ternn'; expected one of: control-plane, tern, heron")


def test_a_run_beside_another_is_told_of_it(up):
    checkout, _ = up

    with checkout.environment("test").locked("up"):
        said = checkout.atoll("up", "test", code=Exit.LOCKED)

    assert f"found `atoll up` at work (pid {os.getpid()} of " in said.stderr
    assert checkout.report("up", "test")["exit"] == Exit.DONE


def _pid(checkout, name):
    script = f"python3 -m supervisor.supervisorctl -s unix://{checkout.environment('test').socket} pid {name}"
    said = checkout.shell("test", script, code=None).stdout.strip()
    return int(said) if said.isdigit() else 0


def test_doctor_and_tools_tell_of_each_program_and_plugin(up):
    checkout, _ = up

    told = checkout.report("doctor", "test")
    listed = checkout.report("tools", "list")

    assert {each["name"] for each in told["programs"]} == {each["name"] for each in listed}
    assert all(each["works"] and each["source"] in ("PATH", "built") for each in told["programs"])
    kinds = {each["name"]: each["kind"] for each in told["plugins"]}
    assert kinds["atoll"] == "own"
    assert kinds["kubernetes"] in ("official", "stand-in")
    shown = checkout.atoll("doctor", "test").stdout
    assert "kube-apiserver" in shown
    assert kinds["kubernetes"] in shown


def test_a_run_in_a_prepared_shell_changes_nothing_of_the_environments_programs(up):
    checkout, _ = up
    folder = checkout.environment("test").bin
    before = {path.name: path.stat().st_ino for path in folder.iterdir()}

    checkout.shell("test", "atoll up test && atoll recap test")

    assert {path.name: path.stat().st_ino for path in folder.iterdir()} == before
    # What runs was found where it was built or installed, not in the environment's own folder.
    assert checkout.report("up", "test")["changes"] == []
    assert not any(str(folder) in word for word in _arguments(checkout))


def _arguments(checkout):
    return [
        line
        for path in checkout.environment("test").programs.glob("*.conf")
        for line in path.read_text().splitlines()
        if line.startswith("command=")
    ]


def test_what_was_stopped_as_by_a_reboot_comes_back_as_it_was(up):
    checkout, _ = up
    before = looking.generations(checkout, "test")
    uids = {name: checkout.api("test", name).identifier() for name in ("control-plane", *looking.MEMBERS)}

    checkout.atoll("stop", "test")
    stopped = checkout.report("status", "test", code=Exit.UNAVAILABLE)["processes"]
    report = checkout.report("up", "test")

    assert {each["state"] for each in stopped} == {"STOPPED"}
    assert report["changes"] == []
    assert report["problems"] == []
    assert {name: checkout.api("test", name).identifier() for name in uids} == uids
    assert looking.generations(checkout, "test") == before
    running = checkout.report("status", "test")["processes"]
    assert {each["name"] for each in running} == {each["name"] for each in stopped}
    assert all(each["state"] == "RUNNING" and each["memory"] > 0 for each in running)


def test_logs_are_shown_by_process_and_an_unknown_one_is_told(up):
    checkout, _ = up

    assert checkout.atoll("logs", "test", "tern.etcd").stdout
    assert "heron.kwok: " in checkout.atoll("logs", "test").stdout
    said = checkout.atoll("logs", "test", "tern.etc", code=Exit.SETTINGS)
    assert said.stderr.startswith("process: found 'tern.etc'; expected one of: control-plane.etcd, ")
