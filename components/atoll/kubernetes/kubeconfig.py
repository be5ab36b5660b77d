"""Kubeconfigs as values: read from text, reduced to one context, written with credentials inside.

Source: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1
"""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from atoll.core.errors import ArgsError
from atoll.kubernetes.credentials import EXTENSION, Plugin

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True)
class Kubeconfig:
    """One way to reach one API server: where it is, whom it trusts, who we are.

    Certificates and keys are PEM. `server` has no slash at its end.
    """

    server: str
    authority: bytes = b""
    certificate: bytes = b""
    key: bytes = b""
    token: str = ""
    insecure: bool = False
    namespace: str = "default"
    name: str = "default"
    plugin: Plugin | None = None
    """The program that tells who we are, where the kubeconfig does not."""

    @classmethod
    def read(cls, text: str, context: str | None = None, folder: Path | None = None) -> "Kubeconfig":
        """Takes one context (the current one unless named) out of a kubeconfig's text.

        `folder` is what relative file names in it start from.

        Raises:
            ArgsError: it is no kubeconfig, lacks what it names, or asks for what is not supported.
        """
        try:
            document = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader, the fast one where it is built
        except yaml.YAMLError as error:
            raise ArgsError(
                f"kubeconfig: found no YAML ({str(error).splitlines()[0]}); expected a kubeconfig"
            ) from error
        if not isinstance(document, dict):
            raise ArgsError("kubeconfig: found no mapping; expected a kubeconfig")
        wanted = context or document.get("current-context")
        chosen = _named(document, "context", wanted)
        cluster = _named(document, "cluster", chosen.get("cluster"))
        user = _named(document, "user", chosen.get("user"))
        if "auth-provider" in user:
            raise ArgsError(
                f"kubeconfig: user {chosen.get('user')!r}: found an auth-provider; "
                "expected exec, a client certificate or a token"
            )
        if not cluster.get("server"):
            raise ArgsError(
                f"kubeconfig: cluster {chosen.get('cluster')!r}: found no server; expected an address"
            )
        return cls(
            server=str(cluster["server"]).rstrip("/"),
            authority=_bytes(cluster, "certificate-authority", folder),
            certificate=_bytes(user, "client-certificate", folder),
            key=_bytes(user, "client-key", folder),
            token=str(user.get("token") or _bytes(user, "tokenFile", folder).decode().strip()),
            insecure=bool(cluster.get("insecure-skip-tls-verify")),
            namespace=chosen.get("namespace") or "default",
            name=str(wanted),
            plugin=Plugin.read(user["exec"], cluster, folder) if user.get("exec") else None,
        )

    def text(self) -> str:
        """The kubeconfig as YAML with this one context, everything inside it."""
        cluster: dict[str, Any] = {"server": self.server}
        if self.authority:
            cluster["certificate-authority-data"] = base64.b64encode(self.authority).decode()
        if self.insecure:
            cluster["insecure-skip-tls-verify"] = True
        user: dict[str, Any] = {}
        if self.certificate:
            user["client-certificate-data"] = base64.b64encode(self.certificate).decode()
            user["client-key-data"] = base64.b64encode(self.key).decode()
        if self.token:
            user["token"] = self.token
        if self.plugin:
            user["exec"] = self.plugin.document()
        if self.plugin and self.plugin.config is not None:
            cluster["extensions"] = [{"name": EXTENSION, "extension": self.plugin.config}]
        context = {"cluster": self.name, "user": self.name, "namespace": self.namespace}
        return yaml.dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": self.name,
                "clusters": [{"name": self.name, "cluster": cluster}],
                "users": [{"name": self.name, "user": user}],
                "contexts": [{"name": self.name, "context": context}],
            },
            Dumper=_DUMPER,
        )


def _named(document: dict[str, Any], kind: str, name: Any) -> dict[str, Any]:
    entries = document.get(f"{kind}s") or []
    for entry in entries:
        if entry.get("name") == name:
            return entry.get(kind) or {}
    known = ", ".join(sorted(str(entry.get("name")) for entry in entries)) or "none"
    raise ArgsError(f"kubeconfig: {kind}: found {name!r}; expected one of: {known}")


def _bytes(section: dict[str, Any], key: str, folder: Path | None) -> bytes:
    if data := section.get(f"{key}-data"):
        return base64.b64decode(data)
    if name := section.get(key):
        path = Path(name) if folder is None else folder / name
        try:
            return path.read_bytes()
        except OSError as error:
            raise ArgsError(
                f"kubeconfig: {key}: found {name!r}; expected a readable file ({error.strerror})"
            ) from error
    return b""
