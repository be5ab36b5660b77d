import dataclasses
import itertools
import re
import stat
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from atoll.cluster import manifests
from atoll.cluster.local import credentials, launch, programs
from atoll.cluster.local.seat import PORTS, SUBJECTS, Seat
from atoll.core.effect import Context
from atoll.core.errors import AtollError, NotReadyError
from atoll.federation.local import manifests as karmada_manifests
from atoll.federation.local import programs as karmada
from atoll.host import Environment
from atoll.kubernetes import ApiError

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
    assert programs.NOTICES_KEYS in everything[1].argv
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


def test_the_aggregated_server_ends_after_all_that_watch_its_kinds_but_before_its_way_to_them():
    """It ends with the last watch; one that goes on has it killed after 15 s."""
    order = {each.name.rpartition(".")[2]: each.priority for each in _plane()}
    ahead = {"etcd", "kube-apiserver"}
    own = order.pop(karmada.AGGREGATED)

    assert {name for name, priority in order.items() if priority < own} == ahead
    assert own not in order.values()


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
    one, two = (credentials.fresh_key(1) for _ in range(2))
    assert one.name == two.name
    assert one.secret != two.secret


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.setenv("ATOLL_HOME", "/tmp/atoll-u")  # noqa: S108 - never made: a socket's path must be short
    made = dataclasses.replace(Environment.of(tmp_path, "e"), folder=tmp_path / "e")
    for path in (made.folder, made.logs, made.programs, made.clusters):
        path.mkdir()
    return made


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


@pytest.mark.parametrize(
    ("code", "mended"), [(400, False), (422, False), (403, False), (404, True), (409, True), (500, True)]
)
def test_a_refusal_that_no_waiting_mends_is_not_waited_for(code, mended, monkeypatch):
    monkeypatch.setattr(launch, "_DOUBT", 0.02)
    answers = iter([*[ApiError(code, {"message": "spec.x: unknown"})] * 4, None])

    def call():
        if (error := next(answers)) is not None:
            raise error

    if mended:
        launch.patiently(call, "lagoon: writing x", timedelta(seconds=60), Context())
        return
    with pytest.raises(NotReadyError) as raised:
        launch.patiently(call, "lagoon: writing x", timedelta(seconds=60), Context())
    assert str(raised.value) == ("lagoon: writing x: found a refusal that no waiting mends: spec.x: unknown")


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


def test_the_works_of_bundles_are_left_alone_by_the_webhook():
    text = "kind: One\nwebhooks:\n- name: work.karmada.io\n- name: overridepolicy.karmada.io\n"
    (found,) = karmada_manifests.webhook_configurations(text, "https://127.0.0.1:1", b"CA")
    works, others = found["webhooks"]
    assert works["objectSelector"] == {
        "matchExpressions": [{"key": "atoll.dev/bundle", "operator": "DoesNotExist"}]
    }
    assert others == {"name": "overridepolicy.karmada.io"}


def test_the_aggregated_server_is_found_on_loopback_at_its_port():
    service, api = karmada_manifests.aggregation(20005, b"CA")
    assert service["spec"] == {"type": "ExternalName", "externalName": "localhost"}
    assert api["spec"]["service"] == {
        "name": service["metadata"]["name"],
        "namespace": "karmada-system",
        "port": 20005,
    }
    assert api["spec"]["caBundle"] == "Q0E="
