"""What each process of a local cluster is started with. Pure: a seat in, programs out.

Everything listens on loopback, speaks TLS, and asks its clients for a certificate or token.
Source: the flags' own documentation, and Karmada's artifacts/deploy for its control plane.
"""

from dataclasses import replace

from atoll.cluster.local import lean as lean_cluster
from atoll.cluster.local.seat import LOOPBACK, SERVICE_RANGE, Seat
from atoll.host import Program

ENCRYPTION = "encryption.yaml"
STAGES = "stages.yaml"
"""What simulated nodes and pods go through, in the cluster's folder."""
ISSUER = "https://kubernetes.default.svc.cluster.local"
EVENT_LIFE = "15m"
"""Events would fill etcd otherwise: 12,000 against 1,490 Works in an hour were seen."""

_NOTICED = {
    *("cert-file", "key-file", "peer-cert-file", "peer-key-file"),
    *("tls-cert-file", "tls-private-key-file", "etcd-certfile", "etcd-keyfile"),
    *("proxy-client-cert-file", "proxy-client-key-file", "encryption-provider-config"),
}
"""What programs read again when it changes: etcd and its clients at each handshake (client/pkg/transport), API
servers as the file changes (k8s.io/apiserver, dynamiccertificates), and the keys of the store within a minute."""
NOTICES_KEYS = "--encryption-provider-config-automatic-reload=true"
"""Without it a server has to start anew for another key: for seconds it takes no request then."""


def etcd(seat: Seat) -> Program:
    """The store. Its peer port is never used by a single server, and closed by mutual TLS all the same."""
    client = f"https://{LOOPBACK}:{seat.ports['etcd']}"
    peer = f"https://{LOOPBACK}:{seat.ports['etcd-peer']}"
    flags = {
        "name": seat.name,
        "data-dir": str(seat.folder / "etcd"),
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"{seat.name}={peer}",
        "client-cert-auth": "true",
        "trusted-ca-file": seat.pki("ca.crt"),
        "cert-file": seat.pki("etcd.crt"),
        "key-file": seat.pki("etcd.key"),
        "peer-client-cert-auth": "true",
        "peer-trusted-ca-file": seat.pki("ca.crt"),
        "peer-cert-file": seat.pki("etcd.crt"),
        "peer-key-file": seat.pki("etcd.key"),
        "quota-backend-bytes": str(8 << 30),
        "auto-compaction-mode": "periodic",
        "auto-compaction-retention": "5m",
        "log-level": "warn",
    }
    return _program(seat, "etcd", flags, priority=10)


def etcd_client_flags(seat: Seat) -> dict[str, str]:
    """How an API server reaches the store."""
    store = seat.store
    return {
        "etcd-servers": f"https://{LOOPBACK}:{store.ports['etcd']}",
        "etcd-cafile": store.pki("ca.crt"),
        "etcd-certfile": store.pki("etcd-client.crt"),
        "etcd-keyfile": store.pki("etcd-client.key"),
    }


def kube_apiserver(seat: Seat, more: dict[str, str] | None = None) -> Program:
    """The API server; `more` adds to its flags."""
    flags = {
        **etcd_client_flags(seat),
        "bind-address": LOOPBACK,
        "advertise-address": LOOPBACK,
        "secure-port": str(seat.ports["kube-apiserver"]),
        "endpoint-reconciler-type": "none",
        "authorization-mode": "Node,RBAC",
        "anonymous-auth": "false",
        "profiling": "false",
        "client-ca-file": seat.pki("ca.crt"),
        "tls-cert-file": seat.pki("kube-apiserver.crt"),
        "tls-private-key-file": seat.pki("kube-apiserver.key"),
        "tls-min-version": "VersionTLS13",
        "service-account-issuer": ISSUER,
        "service-account-key-file": seat.pki("service-account.pub"),
        "service-account-signing-key-file": seat.pki("service-account.key"),
        "service-cluster-ip-range": SERVICE_RANGE,
        "encryption-provider-config": seat.pki(ENCRYPTION),
        "encryption-provider-config-automatic-reload": "true",
        "event-ttl": EVENT_LIFE,
        # By default a server that is asked to stop waits for its watches, which go on for minutes: it took 15 s and
        # a SIGKILL each time.
        "shutdown-watch-termination-grace-period": "1s",
        **(more or {}),
    }
    return _program(seat, "kube-apiserver", flags, priority=20)


def kube_controller_manager(seat: Seat, more: dict[str, str] | None = None) -> Program:
    """The controller manager; `more` adds to its flags."""
    flags = {
        **_client_flags(seat, "kube-controller-manager"),
        "bind-address": LOOPBACK,
        "secure-port": str(seat.ports["kube-controller-manager"]),
        "client-ca-file": seat.pki("ca.crt"),
        "root-ca-file": seat.pki("ca.crt"),
        "service-account-private-key-file": seat.pki("service-account.key"),
        "use-service-account-credentials": "true",
        # With the defaults (20 a second) the deletion of 200 objects waits 15 s for the garbage collector.
        "kube-api-qps": "200",
        "kube-api-burst": "400",
        "leader-elect": "false",
        "profiling": "false",
        **(more or {}),
    }
    return _program(seat, "kube-controller-manager", flags, priority=30)


def kube_scheduler(seat: Seat) -> Program:
    """The scheduler of a member."""
    flags = {
        **_client_flags(seat, "kube-scheduler"),
        "bind-address": LOOPBACK,
        "secure-port": str(seat.ports["kube-scheduler"]),
        "leader-elect": "false",
        "profiling": "false",
    }
    return _program(seat, "kube-scheduler", flags, priority=30)


def kwok(seat: Seat) -> Program:
    """The controller that plays the nodes' part: it keeps them Ready and their pods running."""
    flags = {
        "kubeconfig": seat.pki("kwok.kubeconfig"),
        "config": str(seat.folder / STAGES),
        "manage-all-nodes": "true",
        "node-lease-duration-seconds": "40",
        "server-address": f"{LOOPBACK}:{seat.ports['kwok']}",
    }
    return _program(seat, "kwok", flags, priority=40)


def member(seat: Seat) -> tuple[Program, ...]:
    """All processes of a member."""
    return (etcd(seat), kube_apiserver(seat), kube_controller_manager(seat), kube_scheduler(seat), kwok(seat))


def lean(seat: Seat) -> tuple[Program, ...]:
    """All processes of a lean member: its store is another's."""
    served = kube_apiserver(seat, {"etcd-prefix": seat.root, **lean_cluster.FLAGS})
    return (replace(served, variables=lean_cluster.VARIABLES),)


def program(seat: Seat, name: str, flags: dict[str, str], priority: int) -> Program:
    """One process with flags in the form `--name=value`."""
    return _program(seat, name, flags, priority)


def read_once(program: Program) -> list[str]:
    """The paths in a program's arguments of which it would not notice a change."""
    flags = (word.removeprefix("--").partition("=") for word in program.argv[1:])
    return sorted({value for flag, _, value in flags if value.startswith("/") and flag not in _NOTICED})


def _client_flags(seat: Seat, name: str) -> dict[str, str]:
    file = seat.pki(f"{name}.kubeconfig")
    return {"kubeconfig": file, "authentication-kubeconfig": file, "authorization-kubeconfig": file}


def _program(seat: Seat, name: str, flags: dict[str, str], priority: int) -> Program:
    argv = (str(seat.programs[name]), *(f"--{flag}={value}" for flag, value in flags.items()))
    return Program(seat.process(name), argv, priority)
