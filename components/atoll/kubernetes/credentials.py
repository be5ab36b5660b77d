"""Credentials that a program tells: client-go's credential plugins, as values and as what running them yields.

Nothing that a plugin prints is ever shown: only its exit code and the last line that it wrote as an error.
Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

import base64
import json
import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from atoll.core import command, redaction
from atoll.core.errors import ArgsError, CommandError, UnavailableError

EXTENSION = "client.authentication.k8s.io/exec"
"""The extension of a kubeconfig's cluster that its plugins are told."""
_V1, _V1BETA1 = "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"
_VARIABLE = "KUBERNETES_EXEC_INFO"
_MODES = ("Never", "IfAvailable", "Always")
_LIMIT = timedelta(seconds=60)
_CLUSTER = (
    "server",
    "tls-server-name",
    "insecure-skip-tls-verify",
    "certificate-authority-data",
    "proxy-url",
)


@dataclass(frozen=True)
class Plugin:
    """A program that tells who we are; `cluster` is what it is told where it asks (`provideClusterInfo`)."""

    command: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    version: str = _V1
    mode: str = _MODES[1]
    cluster: str = ""
    """JSON; empty where the plugin is not to be told."""
    config: Any = None
    hint: str = ""

    @classmethod
    def read(cls, given: Any, cluster: dict[str, Any], folder: Path | None) -> "Plugin":
        """Takes the `exec` part of a kubeconfig's user; a command that is a path starts from the folder.

        Raises:
            ArgsError: it lacks what it has to say, or wants what there is not.
        """
        name, version = str(given.get("command") or ""), given.get("apiVersion")
        mode = given.get("interactiveMode") or (_MODES[1] if version == _V1BETA1 else None)
        if not name:
            raise ArgsError("kubeconfig: exec.command: found none; expected a program")
        if version not in (_V1, _V1BETA1):
            raise ArgsError(f"kubeconfig: exec.apiVersion: found {version!r}; expected {_V1} or {_V1BETA1}")
        if mode not in _MODES:
            raise ArgsError(
                f"kubeconfig: exec.interactiveMode: found {mode!r}; expected one of: {', '.join(_MODES)}"
            )
        found = [entry for entry in cluster.get("extensions") or [] if entry.get("name") == EXTENSION]
        return cls(
            command=str((folder or Path()) / name) if "/" in name and folder else name,
            args=tuple(str(word) for word in given.get("args") or ()),
            env=tuple((str(entry["name"]), str(entry["value"])) for entry in given.get("env") or ()),
            version=version,
            mode=mode,
            cluster=json.dumps(_told(cluster, folder)) if given.get("provideClusterInfo") else "",
            config=found[0].get("extension") if found else None,
            hint=str(given.get("installHint") or "").strip(),
        )

    def document(self) -> dict[str, Any]:
        """The plugin as a kubeconfig has it."""
        return {
            "apiVersion": self.version,
            "command": self.command,
            "args": list(self.args),
            "env": [{"name": name, "value": value} for name, value in self.env],
            "interactiveMode": self.mode,
            "provideClusterInfo": bool(self.cluster),
            "installHint": self.hint,
        }


@dataclass(frozen=True)
class Credentials:
    """Who we are: a token, a client certificate with its key (PEM), or both; `expiry` is None for ever."""

    token: str = ""
    certificate: bytes = b""
    key: bytes = b""
    expiry: datetime | None = None


class Source:
    """What a plugin yields, kept until it expires or is refused. Safe to share between threads."""

    def __init__(self, plugin: Plugin) -> None:
        self._plugin, self._lock = plugin, threading.Lock()
        self._current: Credentials | None = None

    def current(self) -> Credentials:
        """The credentials of now.

        Raises:
            UnavailableError: the plugin yields none.
        """
        with self._lock:
            expiry = self._current.expiry if self._current else None
            if self._current is None or (expiry is not None and expiry <= datetime.now(UTC)):
                self._current = ask(self._plugin)
            return self._current

    def refused(self, used: Credentials) -> None:
        """Learns that a server took no notice of credentials; those that came since are kept."""
        with self._lock:
            if self._current == used:
                self._current = None


def ask(plugin: Plugin) -> Credentials:
    """Runs a plugin.

    Raises:
        UnavailableError: it cannot be run, fails, or prints no credentials.
    """
    where = f"kubeconfig: exec plugin {Path(plugin.command).name!r}"
    if plugin.mode == _MODES[2]:
        raise UnavailableError(
            f"{where}: found interactiveMode Always; expected another (nobody is here to answer)"
        )
    spec: dict[str, Any] = {"interactive": False}
    if plugin.cluster:
        told = json.loads(plugin.cluster)
        spec["cluster"] = {**told, **({} if plugin.config is None else {"config": plugin.config})}
    question = {"apiVersion": plugin.version, "kind": "ExecCredential", "spec": spec}
    variables = {**os.environ, **dict(plugin.env), _VARIABLE: json.dumps(question)}
    try:
        done = command.run([plugin.command, *plugin.args], env=variables, timeout=_LIMIT, check=False)
    except (CommandError, UnavailableError, OSError) as error:
        hint = f" {' '.join(plugin.hint.split())}" if plugin.hint else ""
        raise UnavailableError(
            f"{where}: found no way to run it; expected a program on PATH.{hint}"
        ) from error
    if done.code:
        last = (
            redaction.redact(done.stderr.strip().splitlines()[-1])
            if done.stderr.strip()
            else "it said nothing"
        )
        raise UnavailableError(f"{where}: found exit code {done.code} ({last}); expected credentials")
    return _read(done.stdout, plugin, where)


def _read(text: str, plugin: Plugin, where: str) -> Credentials:
    try:
        answer = json.loads(text)
        kind, version, status = answer["kind"], answer["apiVersion"], answer["status"]
        expiry = status.get("expirationTimestamp")
        found = Credentials(
            token=str(status.get("token") or ""),
            certificate=str(status.get("clientCertificateData") or "").encode(),
            key=str(status.get("clientKeyData") or "").encode(),
            expiry=datetime.fromisoformat(expiry) if expiry else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        # The parser's own words, and those behind it, quote what may be a secret.
        raise UnavailableError(f"{where}: found no ExecCredential; expected one with a status") from None
    if (kind, version) != ("ExecCredential", plugin.version):
        raise UnavailableError(
            f"{where}: found {kind} of {version}; expected ExecCredential of {plugin.version}"
        )
    if bool(found.certificate) != bool(found.key) or not (found.token or found.certificate):
        raise UnavailableError(
            f"{where}: found no credentials; expected a token, or a certificate with its key"
        )
    return found


def _told(cluster: dict[str, Any], folder: Path | None) -> dict[str, Any]:
    """What a plugin is told of its cluster."""
    told = {name: cluster[name] for name in _CLUSTER if cluster.get(name)}
    if "certificate-authority-data" not in told and (name := cluster.get("certificate-authority")):
        path = Path(name) if folder is None else folder / name
        told["certificate-authority-data"] = base64.b64encode(path.read_bytes()).decode()
    return told
