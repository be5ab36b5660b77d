"""What an environment outlives: programs that change, certificates that end."""

import contextlib
import http.client
import json
import os
import signal
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta

import pytest

from atoll.cluster import effects
from atoll.core import files, x509
from atoll.core.errors import Exit
from atoll.federation.local import programs
from atoll.host import certificates, remains
from e2e import looking
from harness.waiting import until

pytestmark = pytest.mark.timeout(600)
LOCAL = {"LocalControlPlane control-plane-local", "LocalCluster tern-local", "LocalCluster heron-local"}
PLANE = "control-plane"
CONTROLLER = programs.CONTROLLER_MANAGER
CLUSTERS = (PLANE, *looking.MEMBERS)
_SUBJECTS = {True: programs.ALL_SUBJECTS, False: effects.MEMBER_SUBJECTS}


def _identities(checkout):
    """Who everything is: clusters, objects, and what the members' tokens are."""
    plane = checkout.api("test", "control-plane")
    secrets = plane.items("v1", "Secret", "karmada-cluster")
    return {
        "clusters": {name: checkout.api("test", name).identifier() for name in CLUSTERS},
        "objects": looking.generations(checkout, "test"),
        "secrets": {each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in secrets},
        "tokens": {each["metadata"]["name"]: each.get("data") for each in secrets},
    }


def _processes(checkout):
    return {each["name"]: each for each in checkout.report("status", "test", code=None)["processes"]}


def _pids(checkout, *, but=""):
    found = _processes(checkout)
    return {name: each["pid"] for name, each in found.items() if name.partition(".")[2] != but}


def _of(found, program):
    return {name: each for name, each in found.items() if name.endswith(f".{program}")}


def _says(checkout, cluster):
    """The version that a cluster's store tells those who ask it."""
    pki = checkout.environment("test").clusters / cluster / "pki"
    trust = ssl.create_default_context(cafile=pki / "ca.crt")
    trust.load_cert_chain(pki / "etcd-client.crt", pki / "etcd-client.key")
    port = min(_processes(checkout)[f"{cluster}.etcd"]["ports"])
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=trust)
    with contextlib.closing(connection):
        connection.request("GET", "/version")
        return json.load(connection.getresponse())["etcdserver"]


def test_a_changed_pin_is_shown_and_restarts_what_ran_the_old_program_with_its_data(up):
    checkout, _ = up
    before, identities = _processes(checkout), _identities(checkout)
    assert {each["version"] for each in _of(before, "etcd").values()} == {"3.6.14"}

    newer = checkout.repinned({"etcd": "3.6.15"})
    shown = newer.report("up", "test", "--check", code=Exit.CHANGES)
    waiting = _processes(newer)
    report = newer.report("up", "test")

    assert looking.changed(shown) == looking.changed(report) == LOCAL
    assert report["exit"] == Exit.DONE
    assert {(each["version"], each["wanted"]) for each in _of(waiting, "etcd").values()} == {
        ("3.6.14", "3.6.15")
    }
    # The KMS is run by the interpreter of the checkout that asks for it.
    assert {name: each["pid"] for name, each in waiting.items() if name != "kms"} == {
        name: each["pid"] for name, each in before.items() if name != "kms"
    }
    after = _processes(newer)
    assert {each["version"] for each in _of(after, "etcd").values()} == {"3.6.15"}
    assert {name for name in after if after[name]["pid"] != before[name]["pid"]} >= set(_of(after, "etcd"))
    assert [_says(newer, name) for name in CLUSTERS] == ["3.6.15"] * 3
    assert _identities(newer) == identities
    assert newer.report("up", "test")["changes"] == []

    _refused(checkout, newer)
    # A store takes an older patch version as well: the checkout's own one.
    assert looking.changed(checkout.report("up", "test")) == LOCAL
    assert [_says(checkout, name) for name in CLUSTERS] == ["3.6.14"] * 3
    assert _identities(checkout) == identities


def _refused(checkout, newer):
    """A minor version that the store cannot go back to stops nothing and builds nothing."""
    before = _pids(newer)
    older = checkout.repinned({"etcd": "3.5.21"})
    for words in (("up", "test"), ("up", "test", "--check")):
        said = older.atoll(*words, code=Exit.REFUSED)
        assert said.stderr.startswith(
            "cluster control-plane, heron, tern: found data of etcd 3.6.15; expected 3.5.21 to be of 3.6 or 3.7"
        )
        assert len(said.stderr.splitlines()) == 1
    assert _pids(older) == before


class Client(threading.Thread):
    """kubectl in a loop, each request tried once more where it fails; `lost` are those that failed twice."""

    def __init__(self, checkout, cluster):
        super().__init__()
        self._kubectl = str(checkout.environment("test").bin / "kubectl")
        self._kubeconfig = checkout.atoll("kubeconfig", "test", cluster).stdout.strip()
        self.over, self.asked, self.retried, self.lost = threading.Event(), 0, 0, []

    def run(self):
        while not self.over.wait(0.2):
            self.asked += 1
            for last in (False, True):
                done = self._ask()
                if done.returncode == 0:
                    break
                self.retried += 1
                if last:
                    self.lost.append(done.stderr)

    def _ask(self):
        words = ["get", "--raw", "/api/v1/namespaces/default/serviceaccounts", "--request-timeout=10s"]
        return subprocess.run(
            [self._kubectl, "--kubeconfig", self._kubeconfig, *words],
            capture_output=True,
            text=True,
            check=False,
        )


def _age(folder):
    """Gives a cluster leafs with two months to live, as those are that were made ten months ago."""
    pki = folder / "pki"
    issuer = x509.Pair((pki / "ca.crt").read_bytes(), (pki / "ca.key").read_bytes())
    then = datetime.now(UTC) - timedelta(days=300)
    for name, subject in _SUBJECTS[folder.name == PLANE].items():
        pair = x509.leaf(issuer, subject, now=then)
        files.write(pki / f"{name}.key", pair.key)
        files.write(pki / f"{name}.crt", pair.certificate)


def _serial(checkout, cluster):
    """The serial number of the certificate that an API server shows."""
    (port,) = _processes(checkout)[f"{cluster}.kube-apiserver"]["ports"]
    return ssl.get_server_certificate(("127.0.0.1", port))


def test_certificates_near_their_end_are_renewed_and_no_request_is_lost(up):
    checkout, _ = up
    clusters = checkout.environment("test").clusters
    for name in CLUSTERS:
        _age(clusters / name)
    checkout.atoll("stop", "test")
    checkout.atoll("start", "test")
    pids, shown = _pids(checkout, but=CONTROLLER), {name: _serial(checkout, name) for name in CLUSTERS}
    due = [each["cluster"] for each in checkout.report("status", "test")["endings"] if each["due"]]
    assert sorted(due) == sorted(CLUSTERS)
    clients = [Client(checkout, name) for name in CLUSTERS]
    for client in clients:
        client.start()

    try:
        preview = checkout.report("up", "test", "--check", code=Exit.CHANGES)
        report = checkout.report("up", "test")
        until(
            lambda: all(_serial(checkout, name) != shown[name] for name in CLUSTERS),
            "the new ones are shown",
            90,
        )
    finally:
        for client in clients:
            client.over.set()
            client.join()

    assert looking.changed(preview) >= LOCAL
    assert report["exit"] == Exit.DONE
    assert [client.lost for client in clients] == [[], [], []]
    assert all(client.asked > 5 for client in clients)
    # Another kubeconfig of a member brings another token, which that one alone takes up by a new start.
    assert _pids(checkout, but=CONTROLLER) == pids
    assert not [each for each in checkout.report("status", "test")["endings"] if each["due"]]
    for name in CLUSTERS:
        lives = certificates.validities(clusters / name / "pki")
        assert min(each.end for each in lives.values()) > datetime.now(UTC) + timedelta(days=360)
    assert checkout.report("up", "test")["changes"] == []
    assert looking.replicas(checkout, "test") == {"tern": (2, 2), "heron": (1, 1)}


def test_status_says_why_a_process_was_started_anew_also_after_its_supervisor_ended(up):
    checkout, _ = up
    before = _processes(checkout)["tern.kwok"]
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: _processes(checkout)["tern.kwok"]["pid"] not in {0, before["pid"]}, "it is back")

    killed = _processes(checkout)["tern.kwok"]
    assert (killed["restarts"], killed["why"]) == (before["restarts"] + 1, "terminated by SIGKILL")
    for process in remains.supervisors(checkout.environment("test")):
        process.kill()
        process.wait(20)
    checkout.atoll("start", "test")
    lost = _processes(checkout)["tern.kwok"]

    assert (lost["restarts"], lost["why"]) == (before["restarts"] + 2, "its supervisor ended")
    assert before["restarted"] < killed["restarted"] < lost["restarted"]


def test_a_frozen_supervisor_gives_way_to_one_that_brings_everything_back(up):
    checkout, _ = up
    identities = _identities(checkout)
    for process in remains.supervisors(checkout.environment("test")):
        process.suspend()

    report = checkout.report("up", "test")

    assert (report["exit"], report["changes"]) == (Exit.DONE, [])
    assert _identities(checkout) == identities
    assert len(remains.supervisors(checkout.environment("test"))) == 1
