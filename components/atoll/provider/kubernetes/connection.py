"""The cluster that a provider stands for: found by its settings, asked once whether it is there."""

import dataclasses
import os
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from atoll.core.errors import ArgsError, SettingsError, UnavailableError
from atoll.kubernetes import Api, Kubeconfig, Pace, identities
from atoll.provider import values
from atoll.provider.kubernetes.manifests import Manifest
from atoll.provider.kubernetes.settings import ACTIVE, Settings

_PROBE_LIMIT = 3.0
"""Seconds in which a server must say something; a run asks once and then knows."""
_QPS, _BURST = 50.0, 120
_BUSY = 10.0
"""Seconds for which a server that answered before is asked again for what it cannot say now; writes and awaits have
their own."""
_DOUBT = 5.0
"""Seconds after which a server that did not answer is asked again: it may be made in the same run."""


def kubeconfig(settings: Settings) -> Kubeconfig:
    """The kubeconfig that settings name: its content, its file, or the ambient one where they name none.

    Raises:
        SettingsError: it is no kubeconfig, or lacks what the settings name.
    """
    text, folder = _text(settings.kubeconfig)
    if settings.cluster:
        text = _with_cluster(text, settings.context, settings.cluster)
    found = Kubeconfig.read(text, settings.context or None, folder)
    return dataclasses.replace(found, namespace=settings.namespace) if settings.namespace else found


def client(settings: Settings) -> Api:
    """The client that settings describe; nothing is asked yet."""
    wanted = settings.client
    pace = None
    if wanted.qps or wanted.burst:
        # What one of the two leaves open is client-go's default in the official plugin.
        pace = Pace(wanted.qps or _QPS, wanted.burst or _BURST)
    return Api(kubeconfig(settings), pace=pace, **({"read": wanted.timeout} if wanted.timeout else {}))


def _text(given: str) -> tuple[str, Path | None]:
    if "\n" in given or given.lstrip().startswith("{"):
        return given, None
    path = Path(given or os.environ.get("KUBECONFIG") or "~/.kube/config").expanduser()
    try:
        return path.read_text(), path.parent
    except OSError as error:
        raise ArgsError(
            f"kubeconfig: found {str(path)!r}; expected a kubeconfig or the path of one ({error.strerror}). "
            "Give the provider its kubeconfig."
        ) from error


def _with_cluster(text: str, context: str, cluster: str) -> str:
    """A kubeconfig whose chosen context points to another of its clusters."""
    document: Any = yaml.safe_load(text)
    wanted = context or document.get("current-context")
    for entry in document.get("contexts") or []:
        if entry.get("name") == wanted:
            entry["context"]["cluster"] = cluster
    return yaml.safe_dump(document)


def replacing(old: Mapping[str, Any], new: Mapping[str, Any], changed: Iterable[str]) -> list[str]:
    """The changed settings by which a provider becomes another cluster's, in which all objects are made anew.

    A cluster that has an identifier is another one only when that changes.
    """
    before, after = old.get("clusterIdentifier"), new.get("clusterIdentifier")
    if before and after:
        return [] if before == after else ["clusterIdentifier"]
    touched = [name for name in changed if name in ACTIVE]
    if values.has_unknown([new.get(name) for name in touched]):
        return touched
    return touched if touched and _server(old) != _server(new) else []


def _server(given: Mapping[str, Any]) -> str | None:
    """The address that settings lead to; None where they cannot be read, as a file of another day."""
    text, context, cluster = (str(given.get(name) or "") for name in ACTIVE)
    try:
        return kubeconfig(Settings(kubeconfig=text, context=context, cluster=cluster)).server
    except SettingsError:
        return None


class Connection:
    """A provider's cluster. Safe to share between threads; nothing is asked before it is needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._api: Api | None = None
        self._problem: UnavailableError | None = None
        self._asked = 0.0
        self._scopes: dict[tuple[str, str], bool] = {}

    @property
    def known(self) -> bool:
        """Whether there is a cluster to ask: not so while another resource has yet to make it."""
        return self.settings.known

    @property
    def api(self) -> Api:
        """The server of a cluster that answers.

        Raises:
            UnavailableError: there is no such cluster, or it does not answer; said at once for a while.
        """
        with self._lock:
            if self._problem is None and self._api is not None:
                return self._api
            if self._problem is not None and time.monotonic() - self._asked < _DOUBT:
                raise self._problem
            self._problem = None
            try:
                self._api = self._ask()
            except UnavailableError as error:
                self._problem = error
                raise
            finally:
                self._asked = time.monotonic()
            return self._api

    def close(self) -> None:
        """Lets the server go."""
        with self._lock:
            if self._api is not None:
                self._api.close()

    def _ask(self) -> Api:
        if not self.known:
            raise UnavailableError("kubeconfig: not known yet; expected one by the time of the update")
        try:
            api = client(self.settings)
            api.probe(timeout=_PROBE_LIMIT)
        except (UnavailableError, SettingsError) as error:
            raise UnavailableError(f"configured Kubernetes cluster is unreachable: {error}") from error
        return api.patiently(_BUSY)

    @property
    def namespace(self) -> str:
        """Where objects live that name no namespace; told without asking the server."""
        with self._lock:
            if self._api is not None:
                return self._api.kubeconfig.namespace
        return kubeconfig(self.settings).namespace

    @property
    def problem(self) -> UnavailableError | None:
        """Why the cluster cannot be asked, or None where it can."""
        try:
            _ = self.api
        except UnavailableError as error:
            return error
        return None

    def defines(self, manifest: Manifest) -> bool:
        """Whether the program itself defines a kind, so that the server's word on it may be out of date."""
        return identities.group_kind(manifest) in self._scopes

    def remember(self, definition: Manifest) -> None:
        """Learns from a CustomResourceDefinition of the program whether its kind lives in namespaces."""
        spec = definition.get("spec")
        if isinstance(spec, dict) and isinstance(spec.get("names"), dict):
            kind = (str(spec.get("group")), str(spec["names"].get("kind")))
            self._scopes[kind] = spec.get("scope") == "Namespaced"

    def namespaced(self, manifest: Manifest) -> bool | None:
        """Whether a kind lives in namespaces; None where nobody knows yet."""
        found = self.api.resource(manifest["apiVersion"], manifest["kind"])
        return found.namespaced if found else self._scopes.get(identities.group_kind(manifest))
