import json
from datetime import UTC, datetime, timedelta

import pytest

from atoll import toolchain
from atoll.automation import status
from atoll.automation.show import Screen
from atoll.automation.status import Ending, Status
from atoll.cluster.local import credentials
from atoll.cluster.local.seat import PORTS, SUBJECTS, Seat
from atoll.core.errors import Exit
from atoll.host import Environment, Program, description, history
from atoll.host.history import Restart

NOW = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.setattr(toolchain, "version", lambda _name: "3.6.15")
    made = Environment(tmp_path, "e", tmp_path / "e")
    for folder in (made.logs, made.programs, made.clusters, made.state):
        folder.mkdir(parents=True)
    (made.folder / "environment.json").write_text("{}")
    return made


def _report(environment, now=NOW):
    return status.status(environment, Screen(quiet=True), now)


def test_what_has_no_supervisor_is_stopped_and_known_all_the_same(environment):
    program = Program("lagoon.etcd", ("etcd",), version="3.6.14")
    (environment.programs / "lagoon.etcd.conf").write_text(description.text(program, environment.logs / "x"))
    ports = {"lagoon/etcd": 20001, "lagoon/etcd-peer": 20002, "lagoon/kwok": 20003, "lagoon2/etcd": 20004}
    (environment.folder / "ports.json").write_text(json.dumps(ports))
    (environment.logs / "supervisord.log").write_text(
        "2030-01-01 10:00:00,000 INFO spawned: 'lagoon.etcd' with pid 7\n"
        "2030-01-01 10:00:05,000 WARN exited: lagoon.etcd (terminated by SIGKILL; not expected)\n"
        "2030-01-01 10:00:06,000 INFO spawned: 'lagoon.etcd' with pid 8\n"
    )

    report = _report(environment)

    assert report.code is Exit.UNAVAILABLE
    assert report.processes == [
        Status(
            "lagoon.etcd",
            "STOPPED",
            ports=[20001, 20002],
            version="3.6.14",
            wanted="3.6.15",
            restarts=1,
            restarted="2030-01-01T10:00:06+00:00",
            why="terminated by SIGKILL",
        )
    ]


@pytest.mark.parametrize("damage", ["{", "[]", "null", '{"checkpoint": null}', "\xff"])
def test_what_is_damaged_is_left_out_and_the_rest_told(environment, damage):
    (environment.programs / "lagoon.etcd.conf").write_text(damage)
    (environment.folder / "ports.json").write_text("{")
    (environment.logs / "supervisord.log").write_text(damage)
    _state(environment, damage)
    (environment.clusters / "lagoon" / "pki").mkdir(parents=True)
    (environment.clusters / "lagoon" / "pki" / "etcd.crt").write_text(damage)

    report = _report(environment)

    assert report.endings == []
    assert [(each.name, each.state, each.version) for each in report.processes] == [
        ("lagoon.etcd", "STOPPED", "")
    ]


def _state(environment, text):
    path = environment.state / ".pulumi" / "stacks" / "atoll" / "e.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_what_ends_is_told_with_whether_the_next_up_renews_it(environment):
    folder = environment.clusters / "lagoon"
    seat = Seat("lagoon", folder, dict.fromkeys(PORTS, 20000), {})
    few = {name: SUBJECTS[name] for name in ("etcd", "admin")}
    credentials.ensure(seat, {"admin": few["admin"]}, (), NOW - 30 * DAY)
    credentials.ensure(seat, few, (), NOW)
    access = {
        "type": "atoll:index:MemberAccess",
        "outputs": {"name": "lagoon", "expires": (NOW + 90 * DAY).isoformat(), "lifeSeconds": 365 * 86400},
    }
    _state(environment, json.dumps({"checkpoint": {"latest": {"resources": [{"type": "x"}, access]}}}))

    assert _report(environment).endings == [
        Ending("lagoon", "authority", "", (NOW + 3620 * DAY).isoformat(), due=False),
        Ending("lagoon", "certificate", "admin", (NOW + 335 * DAY).isoformat(), due=False),
        Ending("lagoon", "token", "", (NOW + 90 * DAY).isoformat(), due=True),
    ]
    later = {each.kind: each.due for each in _report(environment, NOW + 250 * DAY).endings}
    assert later == {"authority": False, "certificate": True, "token": True}


def _log(*events):
    return [f"2030-01-01 10:00:{second:02},123 {said}" for second, said in enumerate(events)]


def _at(second):
    return NOW + timedelta(hours=10, seconds=second, milliseconds=123)


def test_a_first_start_is_no_restart():
    assert (
        history.restarts(_log("INFO spawned: 'a.b' with pid 1", "INFO success: a.b entered RUNNING state"))
        == {}
    )


@pytest.mark.parametrize(
    ("ended", "why", "unasked"),
    [
        ("WARN exited: a.b (terminated by SIGSEGV; not expected)", "terminated by SIGSEGV", 1),
        ("WARN exited: a.b (exit status 1; not expected)", "exit status 1", 1),
        ("INFO exited: a.b (exit status 0; expected)", "exit status 0", 1),
        ("WARN stopped: a.b (terminated by SIGTERM)", "asked to", 0),
        ("INFO supervisord started with pid 9", "its supervisor ended", 1),
    ],
)
def test_a_restart_has_a_reason(ended, why, unasked):
    lines = _log("INFO spawned: 'a.b' with pid 1", ended, "INFO spawned: 'a.b' with pid 2")
    assert history.restarts(lines) == {"a.b": Restart(_at(2), why, unasked)}


def test_restarts_are_counted_over_supervisors_and_by_process():
    lines = _log(
        "INFO supervisord started with pid 1",
        "INFO spawned: 'a.b' with pid 2",
        "INFO spawned: 'c.d' with pid 3",
        "WARN exited: a.b (exit status 1; not expected)",
        "INFO spawned: 'a.b' with pid 4",
        "INFO supervisord started with pid 5",
        "INFO spawned: 'a.b' with pid 6",
        "INFO spawned: 'c.d' with pid 7",
        "garbage",
    )
    assert history.restarts(["half a line", *lines]) == {
        "a.b": Restart(_at(6), "its supervisor ended", 2),
        "c.d": Restart(_at(7), "its supervisor ended", 1),
    }
