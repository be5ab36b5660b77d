"""The key that encrypts a real cluster's store is rotated while clients go on, and killed on the way."""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from atoll.cluster.effects import LocalCluster
from atoll.cluster.local import credentials, launch
from atoll.cluster.local.programs import NOTICES_KEYS
from atoll.cluster.local.seat import PORTS, SUBJECTS
from atoll.core.effect import Context
from atoll.core.errors import Exit
from atoll.host.environment import HOME_VARIABLE, VARIABLE
from conformance.kubernetes import engines
from harness import stores
from harness.waiting import until

pytestmark = pytest.mark.timeout(400)
SECRETS = 300


@pytest.fixture
def project(folder, cluster, monkeypatch):
    """The checkout of the cluster's environment, as far as the command looks for one."""
    found: Path = cluster.environment.project
    monkeypatch.setenv(HOME_VARIABLE, str(engines.home(folder)))
    monkeypatch.setenv(VARIABLE, str(cluster.environment.folder))
    (found / "Pulumi.yaml").touch()
    (found / "stacks").mkdir(exist_ok=True)
    return found


@pytest.fixture
def command(project):
    """Starts the command: `command()`; the process, in a group of its own."""
    program = str(Path(sys.executable).parent / "atoll")

    def start(*words):
        return subprocess.Popen(
            [program, "secrets", "rotate-at-rest", "t", *words],
            cwd=project,
            env=os.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def _keys(seat):
    return [key.name for key in credentials.at_rest(seat.folder / "pki").keys]


class Reader:
    """Reads every Secret again and again, each request once; keeps what went wrong."""

    def __init__(self, api, namespace):
        self._api, self._namespace = api, namespace
        self.reads, self.problems, self._over = 0, [], threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        path = f"/api/v1/namespaces/{self._namespace}/secrets"
        while not self._over.is_set():
            try:
                # Past the watch cache, from the store itself.
                found = self._api.request("GET", path)["items"]
                values = {each["metadata"]["name"]: each["data"]["v"] for each in found}
                if values != _expected():
                    self.problems.append(f"{len(values)} secrets")
                self.reads += 1
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what this looks for
                self.problems.append(str(error))
            time.sleep(0.1)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


def _expected():
    return {f"s{number}": base64.b64encode(f"value {number}".encode()).decode() for number in range(SECRETS)}


@pytest.fixture
def filled(api, namespace):
    """Some hundred Secrets in the namespace."""
    for name, value in _expected().items():
        metadata = {"name": name, "namespace": namespace}
        manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"v": value}}
        api.request("POST", f"/api/v1/namespaces/{namespace}/secrets", manifest)
    return namespace


def _killed(process):
    """Kills a command; one that had ended by itself had done so well."""
    process.send_signal(signal.SIGKILL)
    _, problems = process.communicate()
    assert process.returncode in (-signal.SIGKILL, 0), problems


def test_killed_on_the_way_it_is_completed_and_everything_stays_readable(cluster, seat, api, filled, command):
    supervisor = cluster.supervisor
    inputs, old = {"name": "c", "nodes": 1}, _keys(seat)
    new = f"key{int(old[0][3:]) + 1}"
    pids = {each.name: each.pid for each in supervisor.processes()}
    assert stores.encrypted_by(seat)[old[0]] >= SECRETS

    with Reader(api, filled) as reader:
        # The new key is in the file, and its API server does not know of it.
        process = command()
        until(lambda: _keys(seat) == [new, *old], "the new key is written")
        _killed(process)
        # An `up` in between.
        text = Path(seat.pki("encryption.yaml")).read_text()
        assert LocalCluster().stale(inputs, {}) is None
        assert not LocalCluster().create("c", inputs, Context()).problems
        assert Path(seat.pki("encryption.yaml")).read_text() == text
        # Killed while it waits.
        process = command()
        time.sleep(3)
        _killed(process)
        # Killed as the first objects are encrypted anew; several times, since that takes moments.
        for share in (1, SECRETS // 3, SECRETS // 2):
            process = command()
            _await_share(seat, new, share, process)
            _killed(process)
        process = command("--json")
        told, problems = process.communicate(timeout=200)
        assert process.returncode == 0, problems
        assert _keys(seat) == [new] or _keys(seat) == [f"key{int(new[3:]) + 1}"]

    assert reader.problems == []
    assert reader.reads > 10
    report = json.loads(told)
    assert report["exit"] == Exit.DONE
    (found,) = report["clusters"]
    assert (found["cluster"], found["key"]) == ("c", _keys(seat)[0])
    assert set(stores.encrypted_by(seat)) == {found["key"]}
    assert {each.name: each.pid for each in supervisor.processes()} == pids
    assert Path(seat.pki("encryption.yaml")).stat().st_mode & 0o777 == 0o600
    assert LocalCluster().stale(inputs, {}) is None


@pytest.fixture
def dead(cluster):
    """A second cluster, of which nothing runs; its folder."""
    environment = cluster.environment
    seat = launch.seat(environment, "d", PORTS, ())
    credentials.ensure(seat, SUBJECTS, ("secrets",))
    yield seat
    launch.remove(environment, "d")


def test_a_dead_cluster_is_told_in_a_line_and_does_not_hold_up_the_others(cluster, seat, dead, command):
    old, text = _keys(seat), Path(dead.pki("encryption.yaml")).read_text()
    process = command("--json")
    until(lambda: _keys(seat) != old, "the new key is written")
    # A server that starts in the middle of it reads the file as well.
    cluster.supervisor.restart("c.kube-apiserver")
    told, problems = process.communicate(timeout=200)

    assert process.returncode == Exit.UNAVAILABLE
    done, failed = json.loads(told)["clusters"]
    assert (done["cluster"], done["error"], [done["key"]]) == ("c", "", _keys(seat))
    assert _keys(seat) != old
    assert (failed["cluster"], failed["exit"]) == ("d", Exit.UNAVAILABLE)
    (problem,) = map(json.loads, problems.splitlines())
    assert (problem["level"], problem["cluster"], problem["event"]) == ("error", "d", failed["error"])
    assert failed["error"] == (
        "cluster d: found no answer of its API server; expected one. Look into: atoll status t, then run the same "
        "command again"
    )
    assert Path(dead.pki("encryption.yaml")).read_text() == text


def test_a_server_that_would_notice_no_key_is_left_as_it_is(cluster, seat, command):
    old = _keys(seat)
    described = cluster.environment.programs / "c.kube-apiserver.conf"
    text = described.read_text()
    described.write_text(text.replace(NOTICES_KEYS, ""))
    try:
        process = command("c")
        _, problems = process.communicate(timeout=60)
    finally:
        described.write_text(text)

    assert process.returncode == Exit.UNAVAILABLE
    assert "found an API server that reads its keys only as it starts" in problems
    assert problems.endswith("Run: atoll up t\n")
    assert _keys(seat) == old


def test_a_cluster_that_is_none_is_refused(command):
    process = command("e")
    told = process.communicate(timeout=60)

    assert process.returncode == Exit.SETTINGS
    assert told == ("", "cluster: found 'e'; expected one of: c\n")


def _await_share(seat, key, share, process):
    """Waits until so many objects are encrypted by a key, or the command has ended."""
    until(
        lambda: stores.encrypted_by(seat)[key] >= share or process.poll() is not None,
        "objects encrypted anew",
        100,
    )
