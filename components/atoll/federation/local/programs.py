"""What each process of a local Karmada is started with. Pure.

Source: karmada-io/karmada, artifacts/deploy; the differences are those of plain processes on loopback.
"""

from dataclasses import replace

from atoll.cluster.local import programs
from atoll.cluster.local.seat import HOSTS, LOOPBACK, MASTERS, PORTS, SUBJECTS, Seat
from atoll.core.x509 import Subject
from atoll.host import Program

AGGREGATED = "karmada-aggregated-apiserver"
WEBHOOK = "karmada-webhook"
CONTROLLER_MANAGER = "karmada-controller-manager"
SCHEDULER = "karmada-scheduler"
SYSTEM_NAMESPACE = "karmada-system"

ALL = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    AGGREGATED,
    WEBHOOK,
    CONTROLLER_MANAGER,
    SCHEDULER,
)
ALL_PORTS = (
    *PORTS,
    AGGREGATED,
    WEBHOOK,
    f"{CONTROLLER_MANAGER}-health",
    f"{SCHEDULER}-health",
)
ENCRYPTED = ("secrets", "works.work.karmada.io")
"""Works hold whole Secrets: both are encrypted at rest."""


def _component(name: str) -> Subject:
    # Karmada's own installer gives each component the group of masters; its components expect that.
    return Subject(f"system:karmada:{name}", (MASTERS,))


ALL_SUBJECTS = {
    **SUBJECTS,
    "front-proxy-client": Subject("front-proxy-client"),
    "aggregated-server": Subject(AGGREGATED, hosts=(*HOSTS, f"{AGGREGATED}.{SYSTEM_NAMESPACE}.svc")),
    "webhook/tls": Subject(WEBHOOK, hosts=(*HOSTS, f"{WEBHOOK}.{SYSTEM_NAMESPACE}.svc")),
    **{name: _component(name) for name in (AGGREGATED, WEBHOOK, CONTROLLER_MANAGER, SCHEDULER)},
}

_HUB_CONTROLLERS = (
    "namespace,garbagecollector,serviceaccount-token,ttl-after-finished,"
    "bootstrapsigner,tokencleaner,csrcleaner,csrsigning,clusterrole-aggregation"
)
_FAST_QUEUES = {"rate-limiter-qps": "1000", "rate-limiter-bucket-size": "2000"}
_TUNED_CONTROLLERS = {
    **_FAST_QUEUES,
    # With the default of 1000 s a member was still stale 4.5 minutes after its return; with 5 s, 42 s in all.
    "rate-limiter-max-delay": "5s",
    # Each write to a frozen member holds one of these for 32 s, the time limit of Karmada's client, until the
    # member counts as not Ready: with 40, a change of as many objects stopped all other members for that long.
    "concurrent-work-syncs": "400",
    # A member that is gone is seen at its next status. Every 10 s, as by default, that and a frozen one's (see below)
    # would take 20 s. A status is three requests: six members' a second with 17 of them.
    "cluster-status-update-frequency": "3s",
    # One failed probe is enough. A second one takes another 10 s where nobody answers, and proves no more: a probe
    # fails only where a connection is refused, or none comes about in 10 s.
    "cluster-failure-threshold": "0s",
    # A member that came back is served again after its second status instead of half a minute later.
    "cluster-success-threshold": "3s",
    # What `failover` of a propagation needs. Nothing is driven out but by a ClusterTaintPolicy, which that makes.
    "feature-gates": "Failover=true",
    "enable-no-execute-taint-eviction": "true",
    # By default one object leaves a dead member every 2 s.
    "resource-eviction-rate": "50",
    "concurrent-resourcebinding-syncs": "20",
    "concurrent-clusterresourcebinding-syncs": "20",
    "concurrent-resource-template-syncs": "20",
    "concurrent-cluster-propagation-policy-syncs": "5",
    "concurrent-propagation-policy-syncs": "5",
    "concurrent-namespace-syncs": "5",
    "concurrent-dependent-resource-syncs": "5",
    "cluster-api-qps": "200",
    "cluster-api-burst": "400",
    "kube-api-qps": "1000",
    "kube-api-burst": "2000",
}
"""For 17 members on one machine; the defaults (10 writes a second) made a first sync ten times slower."""
_QUICK_TO_LET_GO = (("HTTP2_READ_IDLE_TIMEOUT_SECONDS", "1"), ("HTTP2_PING_TIMEOUT_SECONDS", "2"))
"""A silent member's connection is given up after 3 s instead of 45 s (k8s.io/apimachinery, pkg/util/net).

A probe on its way is then sent once more, a second later (client-go's rest.Request), and a frozen member takes that
connection too, but never ends its handshake, which client-go gives 10 s: 14 s at most until it is seen.

3 s is sooner than the client's own time limit of 32 s, and must be: client-go's RetryOnConflict takes an error
that wraps a time limit for success, so that Karmada would never send that write again.
"""
_ROOMY = (("GOGC", "200"),)
"""A plane has one of each: memory for a tenth less of work, in what every write to every member goes through."""


def base(seat: Seat) -> tuple[Program, ...]:
    """What must answer before Karmada's objects can be written."""
    front = {
        "proxy-client-cert-file": seat.pki("front-proxy-client.crt"),
        "proxy-client-key-file": seat.pki("front-proxy-client.key"),
        "requestheader-client-ca-file": seat.pki("ca.crt"),
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "enable-bootstrap-token-auth": "true",
        # Nothing here fills a ResourceQuota's status, so that its admission would block writes.
        "disable-admission-plugins": "StorageObjectInUseProtection,ServiceAccount,ResourceQuota",
    }
    controllers = {
        "cluster-name": "karmada",
        "controllers": _HUB_CONTROLLERS,
        "cluster-signing-cert-file": seat.pki("ca.crt"),
        "cluster-signing-key-file": seat.pki("ca.key"),
    }
    return (
        programs.etcd(seat),
        replace(programs.kube_apiserver(seat, front), variables=_ROOMY),
        _aggregated(seat),
        programs.kube_controller_manager(seat, controllers),
    )


def webhook(seat: Seat) -> Program:
    """The admission webhooks; their configurations are written once they answer."""
    flags = {
        "kubeconfig": seat.pki(f"{WEBHOOK}.kubeconfig"),
        "bind-address": LOOPBACK,
        "secure-port": str(seat.ports[WEBHOOK]),
        "cert-dir": seat.pki("webhook"),
        "metrics-bind-address": "0",
        # Its readiness is served by the webhook server itself, over TLS.
        "health-probe-bind-address": "0",
        # For the ClusterTaintPolicy of `failover`.
        "allow-no-execute-taint-policy": "true",
    }
    return programs.program(seat, WEBHOOK, flags, priority=50)


def controllers(seat: Seat) -> tuple[Program, ...]:
    """What carries objects to the members, once the webhooks are in force."""
    manager = {
        **_common(seat, CONTROLLER_MANAGER),
        **_TUNED_CONTROLLERS,
    }
    scheduler = {
        **_common(seat, SCHEDULER),
        **_FAST_QUEUES,
        "kube-api-qps": "400",
        "kube-api-burst": "800",
    }
    return (
        replace(
            programs.program(seat, CONTROLLER_MANAGER, manager, priority=60),
            variables=(*_QUICK_TO_LET_GO, *_ROOMY),
        ),
        programs.program(seat, SCHEDULER, scheduler, priority=60),
    )


def _common(seat: Seat, name: str) -> dict[str, str]:
    return {
        "kubeconfig": seat.pki(f"{name}.kubeconfig"),
        "leader-elect": "false",
        "metrics-bind-address": "0",
        "health-probe-bind-address": _health(seat, name),
    }


def _health(seat: Seat, name: str) -> str:
    return f"{LOOPBACK}:{seat.ports[f'{name}-health']}"


def _aggregated(seat: Seat) -> Program:
    file = seat.pki(f"{AGGREGATED}.kubeconfig")
    flags = {
        "kubeconfig": file,
        "authentication-kubeconfig": file,
        "authorization-kubeconfig": file,
        **programs.etcd_client_flags(seat),
        "bind-address": LOOPBACK,
        "secure-port": str(seat.ports[AGGREGATED]),
        "tls-cert-file": seat.pki("aggregated-server.crt"),
        "tls-private-key-file": seat.pki("aggregated-server.key"),
        "tls-min-version": "VersionTLS13",
    }
    # It ends once nobody watches its kinds, which the garbage collector does, or is killed for it.
    return programs.program(seat, AGGREGATED, flags, priority=25)
