"""What Karmada's chart tells its programs, run by hand: pods cannot run here, but the programs can.

etcd, the API server and the aggregated one get the arguments that were rendered and the files of the Secrets that were
written; only addresses, and where files are, are this machine's.
"""

import base64
import contextlib
import os
import socket
import subprocess
from urllib.parse import urlsplit

import pytest
import yaml

from atoll import toolchain
from atoll.core.effect import Context
from atoll.federation.chart.effects import ChartControlPlane
from atoll.kubernetes import Api, Kubeconfig
from harness import helm
from harness.waiting import until

_FOLDERS = ("/etc/kubernetes/pki/etcd", "/etc/kubernetes/pki", "/etc/etcd/pki")


def _ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def _running(log, program, arguments):
    path = toolchain.ensure([program])[program]
    with log.open("wb") as stream:
        process = subprocess.Popen([path, *arguments], stdout=stream, stderr=stream)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _arguments(workload, folder, changed):
    """The arguments of a workload's program as --name=value, some changed; files are in the folder."""
    (container,) = workload["spec"]["template"]["spec"]["containers"]
    words = " ".join(container["command"][1:]).replace(" --", "\n--").split("\n")
    found = dict(word.replace(" ", "=", 1).split("=", 1) for word in words)
    for place in _FOLDERS:
        found = {name: value.replace(place, str(folder)) for name, value in found.items()}
    assert changed.keys() <= found.keys()
    return [f"{name}={value}" for name, value in {**found, **changed}.items()]


@pytest.fixture
def plane(kubeconfig):
    """The inputs of a plane that was written, with an address of this machine."""
    (port,) = _ports(1)
    return {
        "name": "control-plane",
        "cluster": kubeconfig,
        "endpoint": f"https://127.0.0.1:{port}",
        "namespace": f"run-{os.getpid()}",
        "replicas": 1,
        "storageSize": "1Gi",
        "version": "1.18.2",
        "timeoutSeconds": 0,
        "drifted": [],
    }


def test_the_rendered_programs_are_a_plane_that_the_driver_finds_ready(api, plane, folder):
    helm.program()
    effect, place = ChartControlPlane(), folder / "plane"
    place.mkdir()
    first = effect.create("control-plane", plane, Context())
    assert "identifier" not in first.outputs
    _unpack(api, plane, place)
    client, peer, metrics, aggregated = _ports(4)
    etcd = _arguments(
        _live(api, plane, "StatefulSet", "etcd"),
        place,
        {
            "--name": "etcd-0",
            "--listen-peer-urls": f"http://127.0.0.1:{peer}",
            "--listen-client-urls": f"https://127.0.0.1:{client}",
            "--listen-metrics-urls": f"http://127.0.0.1:{metrics}",
            "--advertise-client-urls": f"https://127.0.0.1:{client}",
            "--initial-cluster": f"etcd-0=http://127.0.0.1:{peer}",
            "--data-dir": str(place / "data"),
        },
    )
    etcd.append(f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}")
    server = _arguments(
        _live(api, plane, "Deployment", "karmada-apiserver"),
        place,
        {
            "--etcd-servers": f"https://127.0.0.1:{client}",
            "--bind-address": "127.0.0.1",
            "--secure-port": str(urlsplit(plane["endpoint"]).port),
        },
    )
    admin = Api(Kubeconfig.read(first.outputs["access"]))
    with _running(place / "etcd.log", "etcd", etcd), _running(place / "server.log", "kube-apiserver", server):
        until(admin.healthy, "the API server that the chart describes")
        aggregating = _arguments(
            _live(api, plane, "Deployment", "karmada-aggregated-apiserver"),
            place,
            {
                "--etcd-servers": f"https://127.0.0.1:{client}",
                **{
                    name: str(place / "kubeconfig")
                    for name in ("--kubeconfig", "--authentication-kubeconfig", "--authorization-kubeconfig")
                },
                "--bind-address": "127.0.0.1",
            },
        )
        aggregating.append(f"--secure-port={aggregated}")
        _aggregate(api, plane, admin, aggregated)
        with _running(place / "aggregated.log", "karmada-aggregated-apiserver", aggregating):
            second = effect.update("control-plane", {**plane, "timeoutSeconds": 60}, first.outputs, Context())
            assert not second.problems
            assert second.outputs["identifier"] == admin.identifier()
            _assert_tokens_are_taken(admin, plane)


def _assert_tokens_are_taken(admin, plane):
    """A service account's token is signed by the plane's key and believed: members are joined by such ones."""
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "a", "namespace": "default"},
    }
    admin.apply(account)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = admin.request("POST", f"{admin.path(account)}/token", request)["status"]["token"]
    who = Api(Kubeconfig(plane["endpoint"], admin.kubeconfig.authority, token=token))
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = who.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    assert answer["status"]["userInfo"]["username"] == "system:serviceaccount:default:a"


def _live(api, plane, kind, name, version="apps/v1"):
    metadata = {"name": name, "namespace": plane["namespace"]}
    return api.get({"apiVersion": version, "kind": kind, "metadata": metadata})


def _unpack(api, plane, place):
    """The Secrets as a pod sees them; the kubeconfig at the address that is reached from here."""
    for name in ("karmada-cert", "karmada-kubeconfig"):
        for key, value in _live(api, plane, "Secret", name, "v1")["data"].items():
            (place / key).write_bytes(base64.b64decode(value))
    path = place / "kubeconfig"
    inside = f"https://karmada-apiserver.{plane['namespace']}.svc.cluster.local:5443"
    assert inside in path.read_text()
    path.write_text(path.read_text().replace(inside, plane["endpoint"]))


def _aggregate(api, plane, admin, port):
    """What the chart's Job would write for aggregation; no name of a Service is known here, so that it is localhost."""
    data = _live(api, plane, "ConfigMap", "karmada-static-resources", "v1")["data"]
    for file in ("system-namespace.yaml", "karmada-aggregated-apiserver-apiservice.yaml"):
        for manifest in filter(None, yaml.safe_load_all(data[file])):
            if manifest["kind"] == "APIService":
                manifest["spec"]["service"]["port"] = port
            if manifest["kind"] == "Service":
                manifest["spec"] |= {"externalName": "localhost", "ports": [{"port": port}]}
            admin.apply(manifest, force=True)
