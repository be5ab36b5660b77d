"""Lean clusters on the store that they share: real API servers, a real etcd, one supervisor."""

import contextlib
import functools
import http.client
import os
import signal
import ssl
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from atoll.cluster.effects import LocalCluster, store
from atoll.cluster.local import credentials, launch, lean, rotating, sharing
from atoll.cluster.local.store import values
from atoll.core.effect import Context
from atoll.core.errors import AtollError, RefusedError
from atoll.host import Ports, Supervisor, freezing
from atoll.host.environment import VARIABLE
from atoll.kubernetes import Api, Kubeconfig
from harness import processes, stores
from harness.waiting import until

pytestmark = pytest.mark.timeout(300)
NAMES = ("tern", "heron")
STORE = f"{lean.STORE}.etcd"
SECRET = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "default"}}


@pytest.fixture(scope="module")
def environment():
    """Two lean clusters in an environment of their own."""
    with pytest.MonkeyPatch.context() as patch, processes.supervised(patch) as made:
        yield made


@pytest.fixture(autouse=True)
def _chosen(environment, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(environment.folder))


def _create(name):
    outcome = LocalCluster().create(name, {"name": name, "lean": True}, Context())
    assert outcome.problems == ()
    return outcome.outputs


@pytest.fixture
def clusters():
    """Both of them, made or taken up: {name: outputs}."""
    with ThreadPoolExecutor(len(NAMES)) as pool:
        return dict(zip(NAMES, pool.map(_create, NAMES), strict=True))


def _api(outputs):
    return Api(Kubeconfig.read(outputs["access"]))


@pytest.fixture
def apis(clusters):
    """Their API servers, each with a Secret that tells whose it is."""
    found = {name: _api(outputs) for name, outputs in clusters.items()}
    for name, api in found.items():
        api.apply({**SECRET, "stringData": {"of": name}}, force=True)
    return found


def _pids(environment):
    return {each.name: each.pid for each in Supervisor(environment).processes()}


def _kill(environment, name):
    pid = _pids(environment)[name]
    os.kill(pid, signal.SIGKILL)
    until(lambda: not psutil.pid_exists(pid), f"{name} is dead")


def _secrets(api):
    return {each["metadata"]["name"]: each["data"] for each in api.items("v1", "Secret", "default")}


def test_nothing_runs_but_an_api_server_each_and_the_store(environment, clusters):
    assert set(_pids(environment)) == {STORE, *(f"{name}.kube-apiserver" for name in NAMES)}
    assert clusters["tern"]["identifier"] != clusters["heron"]["identifier"]
    assert {f"{name}/{port}" for name in NAMES for port in sharing.CLUSTER_PORTS} <= set(
        Ports(environment).known()
    )
    # A backup holds it still.
    assert [each.name() for each in freezing._stores(environment)] == ["etcd"]


def test_what_is_there_is_taken_up_and_nothing_is_due(environment, clusters):
    before = _pids(environment)

    assert _create("tern")["identifier"] == clusters["tern"]["identifier"]
    assert _pids(environment) == before
    for name in NAMES:
        inputs = {"name": name, "lean": True}
        assert LocalCluster().stale(inputs, {}) is None
        seen = LocalCluster().read(name, inputs, {}, Context())
        assert seen is not None
        assert seen.inputs == inputs
    with pytest.raises(
        RefusedError, match="found a lean one, begun and never finished; expected one with nodes"
    ):
        LocalCluster().create("tern", {"name": "tern"}, Context())


def test_each_sees_its_own_and_encrypts_it_by_its_own_key(environment, apis):
    seat = sharing.seat(environment)

    found = {name: _secrets(api)["s"] for name, api in apis.items()}

    assert found["tern"] != found["heron"]
    ours = {name: dict(values(seat, f"{lean.prefix(name)}/secrets/default/")) for name in NAMES}
    assert all(value["s"].startswith(b"k8s:enc:secretbox:v1:key") for value in ours.values())
    assert ours["tern"] != ours["heron"]
    keys = {credentials.at_rest(environment.clusters / name / "pki").current.secret for name in NAMES}
    assert len(keys) == len(NAMES)


@pytest.mark.usefixtures("clusters")
def test_the_store_takes_nobody_without_a_certificate_of_its_own(environment):
    seat, tern = sharing.seat(environment), environment.clusters / "tern" / "pki"
    nobody, own, foreign = (ssl.create_default_context(cafile=seat.pki("ca.crt")) for _ in range(3))
    own.load_cert_chain(seat.pki("etcd-client.crt"), seat.pki("etcd-client.key"))
    # One of a cluster itself is none of the store's.
    foreign.load_cert_chain(tern / "admin.crt", tern / "admin.key")
    for context in (nobody, foreign):
        # The server's alert, or the end of the connection where that is seen first.
        with pytest.raises((ssl.SSLError, http.client.RemoteDisconnected, ConnectionResetError)):
            _ask(seat.ports["etcd"], context)
    _ask(seat.ports["etcd"], own)


def _ask(port, context):
    with contextlib.closing(
        http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    ) as connection:
        connection.request("POST", "/v3/kv/range", "{}")
        connection.getresponse()


@pytest.mark.parametrize("killed", ["tern.kube-apiserver", STORE])
def test_a_process_that_is_killed_comes_back_with_everything(environment, apis, killed):
    before = {name: _secrets(api) for name, api in apis.items()}

    _kill(environment, killed)

    for name, api in apis.items():
        until(api.healthy, f"{name} answers again", 90)
        until(functools.partial(_has, api, before[name]), f"{name} has its objects", 60)


def _has(api, expected):
    try:
        return _secrets(api) == expected
    except AtollError:
        return False


def test_its_keys_are_rotated_for_it_alone(environment, apis):
    def keys():
        return {name: dict(_encrypted(environment, name)) for name in NAMES}

    before, number = keys(), rotating.configuration(environment, "tern").current.number + 1
    with ThreadPoolExecutor(1) as pool:
        rotated = pool.submit(rotating.rotate, environment, "tern", number, lambda _line: None)
        until(lambda: len(rotating.configuration(environment, "tern").keys) > 1, "the new key is written")
        # One that starts reads it at once, instead of within a minute.
        Supervisor(environment).restart("tern.kube-apiserver")
        assert rotated.result(timeout=200) >= 1

    after = keys()
    assert after["heron"] == before["heron"]
    assert set(after["tern"]) == {f"key{number}"}
    assert _secrets(apis["tern"])["s"]


def _encrypted(environment, name):
    found: dict[str, int] = {}
    for _, value in values(sharing.seat(environment), f"{lean.prefix(name)}/secrets/"):
        key = value.split(b":")[4].decode()
        found[key] = found.get(key, 0) + 1
    return found


def test_a_certificate_of_the_store_that_is_gone_is_made_anew_and_no_api_server_is_restarted(
    environment, apis
):
    before, before_secrets = _pids(environment), {name: _secrets(api) for name, api in apis.items()}
    for kind in ("crt", "key"):
        os.unlink(sharing.seat(environment).pki(f"etcd-client.{kind}"))  # noqa: PTH108 - the path is an argument

    for name in NAMES:
        stale = LocalCluster().stale({"name": name, "lean": True}, {})
        assert stale == "certificates near their end or missing: etcd-client"
    _create("tern")

    assert LocalCluster().stale({"name": "heron", "lean": True}, {}) is None
    after = _pids(environment)
    assert {name: pid for name, pid in after.items() if name != STORE} == {
        name: pid for name, pid in before.items() if name != STORE
    }
    for name, api in apis.items():
        until(functools.partial(_has, api, before_secrets[name]), f"{name} answers", 60)


def test_one_that_leaves_takes_its_data_and_the_last_one_the_store(environment, apis):
    seat = sharing.seat(environment)
    assert len(list(values(seat, f"{lean.prefix('tern')}/"))) > 10
    heron = stores.encrypted_by(seat)

    LocalCluster().delete("tern", {}, {}, Context())

    assert list(values(seat, f"{lean.prefix('tern')}/")) == []
    assert _secrets(apis["heron"])["s"]
    assert heron
    assert set(_pids(environment)) == {STORE, "heron.kube-apiserver"}
    assert not launch.exists(environment, "tern")
    LocalCluster().delete("tern", {}, {}, Context())

    LocalCluster().delete("heron", {}, {}, Context())

    assert _pids(environment) == {}
    assert environment.cluster_names == []
    assert Ports(environment).known() == {}
    assert not list(environment.logs.glob(f"{lean.STORE}*"))


@pytest.mark.usefixtures("clusters")
def test_a_store_is_described_anew_as_a_restore_does(environment):
    shared = store(environment)

    assert [each.name for each in shared.described(shared.programs)] == [STORE]
    assert Supervisor(environment).differing(shared.described(shared.programs)) == []
