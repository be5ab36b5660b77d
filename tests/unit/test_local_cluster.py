import dataclasses
import itertools
import os
import re
import stat
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from atoll.cluster import manifests
from atoll.cluster.local import credentials, launch, programs
from atoll.cluster.local.seat import PORTS, SUBJECTS, Seat
from atoll.core import x509
from atoll.core.effect import Context
from atoll.core.errors import AtollError, NotReadyError, UnavailableError
from atoll.core.x509 import Subject
from atoll.federation.local import manifests as karmada_manifests
from atoll.federation.local import programs as karmada
from atoll.host import Environment, Program, Supervisor

MEMBER_PORTS = (*PORTS, "kube-scheduler", "kwok")
MEMBER_PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
FEW = {name: SUBJECTS[name] for name in ("etcd", "admin", "kube-apiserver")}


def _seat(folder, ports, names, first=20000):
    numbers = {purpose: first + index for index, purpose in enumerate(ports)}
    return Seat("lagoon", folder, numbers, {name: Path("/tools") / name for name in names})


def _member(folder=Path("/data/lagoon")):
    return programs.member(_seat(folder, MEMBER_PORTS, MEMBER_PROGRAMS))


def _plane(folder=Path("/data/lagoon")):
    seat = _seat(folder, karmada.ALL_PORTS, karmada.ALL)
    return (*karmada.base(seat), karmada.webhook(seat), *karmada.controllers(seat))


def _flags(program):
    return dict(word.removeprefix("--").split("=", 1) for word in program.argv[1:])


ALL = [*_member(), *_plane()]
IDS = [f"{number}-{each.name}" for number, each in enumerate(ALL)]


@pytest.mark.parametrize("program", ALL, ids=IDS)
def test_everything_binds_loopback(program):
    flags = _flags(program)
    bound = {name: value for name, value in flags.items() if re.search(r"address|listen|advertise", name)}
    assert bound
    for value in bound.values():
        assert re.fullmatch(r"(https?://)?127\.0\.0\.1(:\d+)?|0", value)


@pytest.mark.parametrize("program", ALL, ids=IDS)
def test_every_port_is_told_and_none_is_left_to_a_default(program):
    told = {value for word in program.argv for value in re.findall(r"\b2000\d\b|\b2001\d\b", word)}
    assert told or program.name.endswith(("karmada-controller-manager", "karmada-scheduler"))
    for name in ("secure-port", "health-probe-bind-address", "server-address"):
        if name in _flags(program):
            assert re.search(r"200\d\d$|^0$", _flags(program)[name])


@pytest.mark.parametrize("everything", [_member(), _plane()], ids=["member", "plane"])
def test_no_two_processes_listen_on_one_port(everything):
    listening = [
        re.findall(r"\d{5}", value)[0]
        for program in everything
        for name, value in _flags(program).items()
        if re.fullmatch(r"listen-.*|secure-port|server-address|health-probe-bind-address", name)
        and value != "0"
    ]
    assert len(listening) == len(set(listening))


@pytest.mark.parametrize("everything", [_member(), _plane()], ids=["member", "plane"])
def test_a_store_takes_nobody_without_a_certificate(everything):
    flags = _flags(everything[0])
    assert flags["client-cert-auth"] == flags["peer-client-cert-auth"] == "true"
    assert flags["trusted-ca-file"] == flags["peer-trusted-ca-file"] == "/data/lagoon/pki/ca.crt"
    assert all(value.startswith("https://") for name, value in flags.items() if name.endswith("urls"))


@pytest.mark.parametrize("everything", [_member(), _plane()], ids=["member", "plane"])
def test_an_api_server_takes_nobody_unknown_and_encrypts(everything):
    flags = _flags(everything[1])
    assert flags["anonymous-auth"] == "false"
    assert flags["authorization-mode"] == "Node,RBAC"
    assert flags["client-ca-file"] == flags["etcd-cafile"] == "/data/lagoon/pki/ca.crt"
    assert flags["tls-min-version"] == "VersionTLS13"
    assert flags["encryption-provider-config"] == "/data/lagoon/pki/encryption.yaml"
    assert flags["etcd-servers"].startswith("https://127.0.0.1:")


@pytest.mark.parametrize(
    "program", [each for each in ALL if "kubeconfig" in _flags(each)], ids=lambda each: each.name
)
def test_a_client_of_the_api_server_has_a_kubeconfig_of_its_own(program):
    name = program.name.removeprefix("lagoon.")
    found = {value for flag, value in _flags(program).items() if flag.endswith("kubeconfig")}
    assert found == {f"/data/lagoon/pki/{name}.kubeconfig"}


def test_the_planes_components_do_not_elect_and_do_not_collide():
    manager, scheduler = (_flags(program) for program in _plane()[-2:])
    for flags in (manager, scheduler):
        assert flags["leader-elect"] == "false"
        assert flags["metrics-bind-address"] == "0"
    assert manager["health-probe-bind-address"] != scheduler["health-probe-bind-address"]
    assert manager["rate-limiter-max-delay"] == "5s"


def test_quotas_of_the_plane_are_never_enforced_there():
    assert "ResourceQuota" in _flags(_plane()[1])["disable-admission-plugins"].split(",")


@pytest.mark.parametrize("everything", [_member(), _plane()], ids=["member", "plane"])
def test_servers_start_before_their_clients(everything):
    priorities = [program.priority for program in everything]
    assert priorities == sorted(priorities)
    assert priorities[0] < priorities[1] < priorities[2]


@given(st.sampled_from(MEMBER_PORTS), st.integers(1024, 65535))
def test_a_port_is_only_in_the_flags_of_who_needs_it(purpose, port):
    def render(number):
        seat = _seat(Path("/d"), MEMBER_PORTS, MEMBER_PROGRAMS, 100)
        return programs.member(dataclasses.replace(seat, ports={**seat.ports, purpose: number}))

    changed = {
        one.name.removeprefix("lagoon.")
        for one, two in zip(render(port), render(99), strict=True)
        if one.argv != two.argv
    }
    users = {"etcd": {"etcd", "kube-apiserver"}, "etcd-peer": {"etcd"}}
    assert changed == users.get(purpose, {purpose})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A seat with all that a member and a Karmada keep on disk."""
    folder = tmp_path_factory.mktemp("seat")
    seat = _seat(folder, karmada.ALL_PORTS, karmada.ALL)
    credentials.ensure(seat, karmada.ALL_SUBJECTS, karmada.ENCRYPTED)
    return seat


def test_no_secret_is_in_an_argument(made):
    argv = " ".join(
        word for program in (*_member(made.folder), *_plane(made.folder)) for word in program.argv
    )
    secrets = {
        line.strip(" -:'\"")
        for path in (made.folder / "pki").rglob("*")
        if path.is_file()
        for line in path.read_text().split()
        if len(line) > 20 and "/" not in line[:2]
    }
    assert len(secrets) > 50
    assert not [secret for secret in secrets if secret in argv]


def test_what_processes_are_told_to_read_is_there(made):
    missing = {
        value
        for program in _plane(made.folder)
        for value in _flags(program).values()
        if value.startswith(str(made.folder / "pki")) and not Path(value).exists()
    }
    assert missing == set()
    assert sorted(path.name for path in (made.folder / "pki" / "webhook").iterdir()) == ["tls.crt", "tls.key"]


def test_what_is_kept_is_its_owners_alone(made):
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (made.folder / "pki").rglob("*")}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}


def test_the_owner_reaches_the_api_server_as_its_master(made):
    admin = credentials.admin(made)
    assert admin.server == made.server
    assert admin.authority == (made.folder / "pki" / "ca.crt").read_bytes()
    assert admin.certificate == (made.folder / "pki" / "admin.crt").read_bytes()


def test_secrets_and_what_carries_them_are_encrypted_at_rest(made):
    found = yaml.safe_load((made.folder / "pki" / "encryption.yaml").read_text())["resources"]
    assert found[0]["resources"] == ["secrets", "works.work.karmada.io"]
    assert [next(iter(provider)) for provider in found[0]["providers"]] == ["secretbox", "identity"]


def test_two_clusters_have_keys_of_their_own():
    one, two = (credentials.encryption(("secrets",), bytes([number]) * 32) for number in (1, 2))
    assert one != two


def _contents(seat):
    return {path.name: path.read_bytes() for path in (seat.folder / "pki").iterdir()}


@pytest.fixture
def small(tmp_path):
    seat = _seat(tmp_path, PORTS, ())
    return seat, credentials.ensure(seat, FEW, ("secrets",))


def test_credentials_that_fit_are_taken_up(small):
    seat, revision = small
    before = _contents(seat)
    assert credentials.ensure(seat, FEW, ("secrets",)) == revision
    assert _contents(seat) == before
    assert credentials.outdated(seat.folder / "pki", FEW) == []


def test_a_certificate_near_its_end_is_renewed_alone(small, monkeypatch):
    seat, revision = small
    before, pki = _contents(seat), seat.folder / "pki"
    monkeypatch.setattr(x509, "LEAF_LIFE", timedelta(days=90))
    authority = x509.Pair(before["ca.crt"], before["ca.key"])
    short = x509.leaf(authority, FEW["admin"])
    monkeypatch.undo()
    (pki / "admin.crt").write_bytes(short.certificate)
    (pki / "admin.key").write_bytes(short.key)
    assert credentials.outdated(pki, FEW) == ["admin"]

    assert credentials.ensure(seat, FEW, ("secrets",)) != revision

    after = _contents(seat)
    assert {name for name in after if after[name] != before[name]} == {
        "admin.crt",
        "admin.key",
        "admin.kubeconfig",
    }
    assert credentials.admin(seat).certificate == after["admin.crt"]
    assert credentials.outdated(pki, FEW) == []


@pytest.mark.parametrize("lost", ["etcd.crt", "etcd.key"])
def test_half_of_a_pair_is_made_whole_again(small, lost):
    seat, _ = small
    (seat.folder / "pki" / lost).unlink()
    credentials.ensure(seat, FEW, ("secrets",))
    found = _contents(seat)
    leaf = x509.Pair(found["etcd.crt"], found["etcd.key"])
    assert x509.fits(leaf, x509.Pair(found["ca.crt"], found["ca.key"]), FEW["etcd"])


def test_a_new_authority_makes_everything_under_it_anew(small):
    seat, _ = small
    before = _contents(seat)
    # As a run leaves it that was killed between the authority's key and its certificate.
    (seat.folder / "pki" / "ca.crt").unlink()
    credentials.ensure(seat, FEW, ("secrets",))
    after = _contents(seat)
    same = {name for name in after if after[name] == before[name]}
    assert same == {"service-account.key", "service-account.pub", "encryption.yaml"}


def test_a_subject_that_changed_gets_a_new_certificate(small):
    seat, _ = small
    changed = {**FEW, "etcd": Subject("etcd", hosts=("127.0.0.1",))}
    assert credentials.outdated(seat.folder / "pki", changed) == ["etcd"]


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.setenv("ATOLL_HOME", "/tmp/atoll-u")  # noqa: S108 - never made: a socket's path must be short
    made = dataclasses.replace(Environment.of(tmp_path, "e"), folder=tmp_path / "e")
    for path in (made.folder, made.logs, made.programs, made.clusters):
        path.mkdir()
    return made


def test_certificates_to_renew_are_named(environment):
    assert launch.renewal(environment, "lagoon", FEW) is None
    seat = _seat(environment.clusters / "lagoon", PORTS, ())
    seat.folder.mkdir()
    credentials.ensure(seat, FEW, ("secrets",))
    assert launch.renewal(environment, "lagoon", FEW) is None
    for name in ("etcd.crt", "admin.key"):
        (seat.folder / "pki" / name).unlink()
    assert launch.renewal(environment, "lagoon", FEW) == "certificates near their end or missing: etcd, admin"


def test_a_removed_cluster_leaves_nothing_and_its_neighbours_everything(environment):
    for name in ("lagoon", "lagoon-2"):
        (environment.clusters / name / "pki").mkdir(parents=True)
        (environment.clusters / name / "pki" / "ca.crt").touch()
        (environment.programs / f"{name}.etcd.conf").touch()
        for log in (f"{name}.etcd.log", f"{name}.etcd.log.1"):
            (environment.logs / log).touch()

    launch.remove(environment, "lagoon")
    launch.remove(environment, "never-there")

    left = {path.name for path in environment.folder.rglob("*") if "lagoon" in path.name}
    assert left == {"lagoon-2", "lagoon-2.etcd.conf", "lagoon-2.etcd.log", "lagoon-2.etcd.log.1"}
    assert not launch.exists(environment, "lagoon")
    assert launch.exists(environment, "lagoon-2")


@pytest.fixture
def supervised(monkeypatch):
    """An environment with a supervisor that runs; its path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="atoll-") as home:
        monkeypatch.setenv("ATOLL_HOME", home)
        made = Environment.of(Path(home), "e")
        made.create()
        Supervisor(made).start()
        yield made
        Supervisor(made).stop()


def test_processes_restart_for_new_certificates_and_only_then(supervised):
    sleepers = [
        Program(f"lagoon.{name}", ("sleep", "1000"), priority) for name, priority in (("a", 20), ("b", 10))
    ]

    def pids():
        return {process.name: process.pid for process in Supervisor(supervised).processes()}

    assert launch.start(supervised, sleepers, "r1") == ["lagoon.b", "lagoon.a"]
    first = pids()
    assert launch.start(supervised, sleepers, "r1") == []
    assert pids() == first
    assert launch.start(supervised, sleepers, "r2") == ["lagoon.b", "lagoon.a"]
    assert not set(pids().values()) & set(first.values())

    launch.remove(supervised, "lagoon")
    assert pids() == {}
    assert list(supervised.programs.iterdir()) == []


def test_a_program_that_fails_again_and_again_is_started_at_once_when_it_is_asked_for(supervised, tmp_path):
    failing = Program("lagoon.a", ("sh", "-c", f"echo >> {tmp_path}/tries; exit 1"))

    def tries():
        path = tmp_path / "tries"
        return len(path.read_text()) if path.exists() else 0

    launch.start(supervised, [failing], "r1")
    end = time.monotonic() + 20
    # It is in the pause between two tries nearly all of the time, but not always.
    while launch.start(supervised, [failing], "r1") != ["lagoon.a"]:
        assert time.monotonic() < end
    before = tries()
    while tries() <= before:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_system_that_cannot_end_processes_with_their_supervisor_is_told(environment, monkeypatch):
    monkeypatch.setattr(os, "defpath", "/nowhere")
    with pytest.raises(UnavailableError) as raised:
        launch.start(environment, [], "r1")
    assert str(raised.value) == (
        "setpriv: found none in /nowhere; expected it (it ends processes with their supervisor). Install util-linux."
    )


def test_waiting_ends_with_what_was_awaited_and_the_last_problem():
    told: list[str] = []
    context = Context(report=told.append)
    problems = itertools.count()

    def call():
        raise AtollError(f"problem {next(problems)}")

    with pytest.raises(NotReadyError) as raised:
        launch.patiently(call, "lagoon: making its nodes", timedelta(seconds=0.1), context)
    last = next(problems) - 1
    assert str(raised.value) == (
        f"lagoon: making its nodes: found no end after 0 s; expected one within 0 s; last: problem {last}"
    )
    assert told[0] == "lagoon: making its nodes (0 s)"


def test_waiting_ends_at_once_when_it_is_cancelled():
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(NotReadyError, match="found no end after 0 s; expected one within 90 s"):
        launch.until(lambda: False, "x", launch.API_LIMIT, Context(cancelled=cancelled))


def test_a_member_has_the_nodes_that_are_declared():
    found = manifests.nodes("lagoon", 2, "north", None)
    assert [node["metadata"]["name"] for node in found] == ["lagoon-node-1", "lagoon-node-2"]
    assert found[0]["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "atoll",
        "kubernetes.io/hostname": "lagoon-node-1",
        "topology.kubernetes.io/region": "north",
    }
    assert manifests.nodes("lagoon", 0, None, None) == []


@given(st.integers(0, 20), st.integers(0, 20))
def test_more_nodes_leave_the_others_as_they_are(one, two):
    fewer, more = sorted((one, two))
    found = manifests.nodes("x", more, "r", "z")
    assert found[:fewer] == manifests.nodes("x", fewer, "r", "z")


def test_kwok_may_do_to_nodes_and_pods_what_it_needs_and_no_more():
    role, binding = manifests.kwok_access()
    verbs = {resource: rule["verbs"] for rule in role["rules"] for resource in rule["resources"]}
    assert verbs["nodes"] == ["get", "list", "watch"]
    assert "*" not in {word for rule in role["rules"] for word in (*rule["verbs"], *rule["resources"])}
    assert binding["subjects"][0]["name"] == "kwok"


def test_only_bindings_are_converted_by_the_webhook():
    texts = [
        yaml.safe_dump({"metadata": {"name": name}, "spec": {}})
        for name in ("works.work.karmada.io", "resourcebindings.work.karmada.io")
    ]
    work, binding = karmada_manifests.custom_resource_definitions(texts, "https://127.0.0.1:1", b"CA")
    assert work["spec"] == {}
    assert binding["spec"]["conversion"]["webhook"] == {
        "clientConfig": {"url": "https://127.0.0.1:1/convert", "caBundle": "Q0E="},
        "conversionReviewVersions": ["v1"],
    }


def test_webhooks_are_called_on_loopback_under_our_authority():
    text = (
        "kind: One\nurl: https://karmada-webhook.karmada-system.svc:443/mutate\ncaBundle: {{caBundle}}\n"
        "---\n---\nkind: Two\n"
    )
    assert karmada_manifests.webhook_configurations(text, "https://127.0.0.1:1", b"CA") == [
        {"kind": "One", "url": "https://127.0.0.1:1/mutate", "caBundle": "Q0E="},
        {"kind": "Two"},
    ]


def test_the_aggregated_server_is_found_on_loopback_at_its_port():
    service, api = karmada_manifests.aggregation(20005, b"CA")
    assert service["spec"] == {"type": "ExternalName", "externalName": "localhost"}
    assert api["spec"]["service"] == {
        "name": service["metadata"]["name"],
        "namespace": "karmada-system",
        "port": 20005,
    }
    assert api["spec"]["caBundle"] == "Q0E="
