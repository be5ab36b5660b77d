"""Where one local cluster lives: its folder, its ports, its programs. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from atoll.cluster.local import lean
from atoll.core.x509 import Subject

LOOPBACK = "127.0.0.1"
HOSTS = (LOOPBACK, "localhost")
SERVICE_ADDRESS = "10.96.0.1"
SERVICE_RANGE = "10.96.0.0/12"
MASTERS = "system:masters"

PORTS = ("etcd", "etcd-peer", "kube-apiserver", "kube-controller-manager")
"""The ports that every local cluster needs."""

SUBJECTS = {
    "etcd": Subject("etcd", hosts=HOSTS),
    "etcd-client": Subject("etcd-client"),
    "kube-apiserver": Subject(
        "kube-apiserver",
        hosts=(*HOSTS, "kubernetes", "kubernetes.default", "kubernetes.default.svc", SERVICE_ADDRESS),
    ),
    "admin": Subject("system:admin", (MASTERS,)),
    "kube-controller-manager": Subject("system:kube-controller-manager"),
}
"""The certificates that every local cluster needs, by file name; a lean one has the store's at another place."""
STORE_SUBJECTS = {name: SUBJECTS[name] for name in ("etcd", "etcd-client")}
LEAN_SUBJECTS = {name: SUBJECTS[name] for name in ("kube-apiserver", "admin")}


@dataclass(frozen=True)
class Seat:
    """One local cluster's place. `ports` and `programs` are keyed by the program's name."""

    name: str
    folder: Path
    ports: Mapping[str, int]
    programs: Mapping[str, Path]
    shared: "Seat | None" = None
    """The place of the store that it shares with others; none where it has one of its own."""

    @property
    def store(self) -> "Seat":
        """The place of its store."""
        return self.shared or self

    @property
    def root(self) -> str:
        """Where its API server keeps everything in the store."""
        return lean.prefix(self.name) if self.shared else lean.ROOT

    @property
    def server(self) -> str:
        """The address of its API server."""
        return f"https://{LOOPBACK}:{self.ports['kube-apiserver']}"

    def pki(self, file: str) -> str:
        """The path of a certificate, key or kubeconfig, as a program's argument."""
        return str(self.folder / "pki" / file)

    def process(self, program: str) -> str:
        """The name of one of its processes, as the supervisor knows it."""
        return f"{self.name}.{program}"
