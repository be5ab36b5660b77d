"""The keys and certificates of a control plane that its chart is given: who vouches for it, and who it is. Pure.

The chart has one certificate for all its servers and clients, and signs the tokens of service accounts by the same key.
Source: charts/karmada/templates/pre-install-job.yaml, what its own Job would make.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from atoll.core import x509
from atoll.core.x509 import Pair, Subject

_ADMINISTRATORS = "system:masters"
_FRONT_PROXY = Subject("front-proxy-client")
_ADMIN = Subject("atoll", (_ADMINISTRATORS,))
_PLANE = "karmada-system"
"""The namespace on the plane in which Karmada names its own services."""


@dataclass(frozen=True)
class Identity:
    """The authority with its key, the plane's certificate, and that of the API server before aggregated ones."""

    authority: Pair
    plane: Pair
    front_authority: Pair
    front_proxy: Pair

    def data(self) -> dict[str, bytes]:
        """What the chart's Secret holds of it, PEM by the chart's names; not the key of the front proxy's authority."""
        return {
            "server-ca.crt": self.authority.certificate,
            "server-ca.key": self.authority.key,
            "karmada.crt": self.plane.certificate,
            "karmada.key": self.plane.key,
            "front-proxy-ca.crt": self.front_authority.certificate,
            "front-proxy-client.crt": self.front_proxy.certificate,
            "front-proxy-client.key": self.front_proxy.key,
        }


def subject(endpoint: str, namespace: str) -> Subject:
    """Whom the plane's certificate speaks for, and every name that its servers are reached by."""
    spaces = dict.fromkeys((namespace, _PLANE))
    services = [f"*.{each}.svc{domain}" for each in spaces for domain in (".cluster.local", "")]
    within = ("kubernetes.default.svc", f"*.etcd.{namespace}.svc.cluster.local", *services)
    hosts = dict.fromkeys([*within, "localhost", "127.0.0.1", urlsplit(endpoint).hostname or ""])
    return Subject("system:admin", (_ADMINISTRATORS,), tuple(hosts))


def made(wanted: Subject, found: Identity | None, now: datetime) -> Identity:
    """A whole identity: what is there and fits is kept, and always the authority and the key that signs tokens.

    The front proxy's authority signs once, when it is made: its key is kept nowhere.
    """
    authority = found.authority if found else x509.authority("karmada", now=now)
    key = found.plane.key if found else x509.service_account_key()
    if found and x509.fits(found.plane, authority, wanted, now):
        plane = found.plane
    else:
        plane = x509.leaf(authority, wanted, now=now, key_pem=key)
    if found and x509.fits(found.front_proxy, found.front_authority, _FRONT_PROXY, now):
        return Identity(authority, plane, found.front_authority, found.front_proxy)
    front = x509.authority("front-proxy-ca", now=now)
    return Identity(authority, plane, front, x509.leaf(front, _FRONT_PROXY, now=now))


def read(data: Mapping[str, str]) -> Identity | None:
    """The identity that a plane has, from the data of the chart's Secret; None where a part of it is not there.

    Raises:
        ValueError: something in it is no base64.
    """
    try:
        pem = {name: base64.b64decode(data[name]) for name in _PLACES}
    except KeyError:
        return None
    front = Pair(pem["front-proxy-ca.crt"], b"")
    return Identity(
        Pair(pem["server-ca.crt"], pem["server-ca.key"]),
        Pair(pem["karmada.crt"], pem["karmada.key"]),
        front,
        Pair(pem["front-proxy-client.crt"], pem["front-proxy-client.key"]),
    )


def administrator(identity: Identity, now: datetime) -> Pair:
    """A certificate of the plane's administrator."""
    return x509.leaf(identity.authority, _ADMIN, now=now)


_PLACES = tuple(Identity(*[Pair(b"", b"")] * 4).data())
