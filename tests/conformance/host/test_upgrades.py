"""Programs that changed under a real supervisor: what is restarted, what is said, what is refused."""

import itertools
import time

import pytest

from atoll import toolchain
from atoll.automation import processes
from atoll.automation.events import Outcome, Result
from atoll.cluster.effects import LocalCluster
from atoll.cluster.local import launch
from atoll.cluster.local.launch import Local
from atoll.cluster.local.seat import PORTS, SUBJECTS, Seat
from atoll.core.errors import Exit, RefusedError, UnavailableError
from atoll.federation.local.effects import LocalControlPlane
from atoll.host import Program, Supervisor
from harness import processes as processes_of

FEW = {name: SUBJECTS[name] for name in ("etcd", "admin")}


@pytest.fixture
def supervised(monkeypatch):
    with processes_of.supervised(monkeypatch) as made:
        yield made


def _local(environment, programs, **files):
    folder = environment.clusters / "lagoon"
    folder.mkdir(exist_ok=True)
    seat = Seat("lagoon", folder, {purpose: 20000 + index for index, purpose in enumerate(PORTS)}, {})
    return Local(seat, FEW, ("secrets",), tuple(programs), files)


def _sleepers(environment):
    """Two processes under the names of real ones; the second one reads a file at its start."""
    flag = f"--config={environment.clusters}/lagoon/stages.yaml"
    script = ("sh", "-c", "sleep 1000", "sh")
    return Program("lagoon.etcd", ("sleep", "1000"), 10), Program("lagoon.kwok", (*script, flag), 40)


def _pids(environment):
    return {process.name: process.pid for process in Supervisor(environment).processes()}


@pytest.fixture
def versions(monkeypatch):
    """The versions that are chosen, which a test may change."""
    chosen = {"etcd": "3.6.14", "kwok": "0.8.0"}
    monkeypatch.setattr(toolchain, "version", lambda name: chosen.get(name, ""))
    return chosen


@pytest.fixture
def running(supervised, versions):
    """Two processes of a cluster as they should be; `versions` is asked for first."""
    assert versions
    local = _local(supervised, _sleepers(supervised), **{"stages.yaml": "one"})
    local.write()
    assert launch.start(supervised, local, local.programs) == ["lagoon.etcd", "lagoon.kwok"]
    return supervised, local


def test_what_is_as_it_should_be_is_left_alone(running):
    environment, local = running
    before = _pids(environment)

    assert launch.stale(environment, local) is None
    local.write()
    assert launch.start(environment, local, local.programs) == []
    assert _pids(environment) == before


def test_another_version_behind_the_same_name_is_told_and_restarts_that_program_alone(running, versions):
    environment, local = running
    before = _pids(environment)
    versions["etcd"] = "3.6.15"

    assert launch.stale(environment, local) == "programs that changed: etcd 3.6.14 to 3.6.15"
    assert _pids(environment) == before
    assert launch.start(environment, local, local.programs) == ["lagoon.etcd"]
    assert launch.stale(environment, local) is None
    assert _pids(environment)["lagoon.kwok"] == before["lagoon.kwok"]
    assert _pids(environment)["lagoon.etcd"] != before["lagoon.etcd"]


def test_a_file_that_is_read_at_the_start_restarts_its_reader_alone(running):
    environment, local = running
    before = _pids(environment)
    changed = _local(environment, local.programs, **{"stages.yaml": "two"})

    assert launch.stale(environment, changed) == "files that changed: stages.yaml"
    changed.write()
    # As it is after a run that was killed between the file and the processes.
    assert launch.stale(environment, changed) == "programs that changed: kwok"
    assert launch.start(environment, changed, changed.programs) == ["lagoon.kwok"]
    assert _pids(environment)["lagoon.etcd"] == before["lagoon.etcd"]
    assert launch.stale(environment, changed) is None


def test_certificates_to_renew_are_named(running):
    environment, local = running
    for name in ("etcd.crt", "admin.key"):
        (local.seat.folder / "pki" / name).unlink()

    assert launch.stale(environment, local) == "certificates near their end or missing: etcd, admin"
    assert launch.access_changes(local)


def test_a_downgrade_that_the_store_cannot_take_is_refused_before_anything_stops(running, versions):
    environment, local = running
    before = _pids(environment)
    versions["etcd"] = "3.5.21"

    for refused in (launch.refuse, lambda environment, _names: launch.stale(environment, local)):
        with pytest.raises(
            RefusedError, match=r"cluster lagoon: found data of etcd 3.6.14; expected 3.5.21"
        ) as raised:
            refused(environment, ["lagoon"])
        assert raised.value.exit_code is Exit.REFUSED
    assert _pids(environment) == before


@pytest.mark.parametrize("effect", [LocalCluster(), LocalControlPlane()])
def test_a_cluster_that_never_was_is_not_stale_and_looking_makes_nothing(supervised, monkeypatch, effect):
    monkeypatch.setenv("ATOLL_ENVIRONMENT", str(supervised.folder))
    before = sorted(supervised.folder.rglob("*"))
    assert effect.stale({"name": "lagoon"}, {}) is None
    assert sorted(supervised.folder.rglob("*")) == before


def test_processes_stop_from_the_last_to_the_first_and_start_the_other_way(running, versions):
    environment, local = running
    log = environment.logs / "supervisord.log"
    versions.update(etcd="3.6.15", kwok="0.8.1")
    end = time.monotonic() + 20
    while not all(_pids(environment).values()):
        assert time.monotonic() < end
    length = len(log.read_text())
    launch.start(environment, local, local.programs)

    def order():
        said = [line.split() for line in log.read_text()[length:].splitlines()]
        told = {"stopped:", "spawned:"}
        return [f"{words[3]} {words[4].strip(chr(39)).rstrip(':')}" for words in said if words[3] in told]

    while len(order()) < 4:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert order() == [
        "stopped: lagoon.kwok",
        "stopped: lagoon.etcd",
        "spawned: lagoon.etcd",
        "spawned: lagoon.kwok",
    ]
    launch.remove(environment, "lagoon")
    assert _pids(environment) == {}
    assert list(environment.programs.iterdir()) == []


def test_a_program_that_fails_again_and_again_is_started_at_once_when_it_is_asked_for(supervised, tmp_path):
    local = _local(supervised, [Program("lagoon.a", ("sh", "-c", f"echo >> {tmp_path}/tries; exit 1"))])

    def tries():
        path = tmp_path / "tries"
        return len(path.read_text()) if path.exists() else 0

    Supervisor(supervised).ensure(local.programs)
    end = time.monotonic() + 20
    # It is in the pause between two tries nearly all of the time, but not always.
    while Supervisor(supervised).ensure(local.programs) != ["lagoon.a"]:
        assert time.monotonic() < end
    before = tries()
    for _ in itertools.count():
        if tries() > before:
            break
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_system_that_cannot_end_processes_with_their_supervisor_is_told(supervised, monkeypatch):
    monkeypatch.setattr("os.defpath", "/nowhere")
    with pytest.raises(UnavailableError) as raised:
        Supervisor(supervised).ensure([])
    assert str(raised.value) == (
        "setpriv: found none in /nowhere; expected it (it ends processes with their supervisor). Install util-linux."
    )


def _result(kind, verb, place):
    return Result(
        f"urn:pulumi:e::atoll::atoll:index:Member${kind}::{place}-access", Outcome.CHANGED, verb, place
    )


@pytest.mark.parametrize(
    ("results", "restarted"),
    [
        ([], False),
        ([_result("atoll:index:MemberAccess", "created", "reef")], False),
        ([_result("atoll:index:MemberAccess", "deleted", "reef")], False),
        ([_result("kubernetes:core/v1:Secret", "updated", "reef")], False),
        ([_result("atoll:index:MemberAccess", "updated", name) for name in ("reef", "lagoon")], True),
    ],
)
def test_renewed_tokens_are_taken_up_by_what_watches_the_members(supervised, results, restarted):
    name = "control-plane.karmada-controller-manager"
    supervisor, screen = Supervisor(supervised), processes_of.Told()
    supervisor.ensure([Program(name, ("sleep", "1000"))])
    before = _pids(supervised)

    processes.take_up_tokens(supervised, results, screen)

    assert (_pids(supervised) != before) == restarted
    told = "karmada-controller-manager: started anew for the renewed tokens of lagoon, reef"
    assert screen.lines == ([told] if restarted else [])


def test_where_somebody_else_runs_the_plane_nothing_is_restarted(supervised):
    screen = processes_of.Told()
    processes.take_up_tokens(supervised, [_result("atoll:index:MemberAccess", "updated", "reef")], screen)
    assert screen.lines == []
