"""The provider's settings as a program or the environment gives them. Pure.

Source: the `Provider` resource of the package kubernetes 4.34, and its PULUMI_K8S_* variables.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from atoll.core.errors import ArgsError
from atoll.provider import values

_PREFIX = "kubernetes:config:"
_UNSUPPORTED = ("renderYamlToDirectory", "alwaysRender", "strictMode")
_HELM, _REGISTRIES = "helmReleaseSettings", "registryConfigPath"
ACTIVE = ("kubeconfig", "context", "cluster")
"""The settings that choose a cluster."""


@dataclass(frozen=True)
class Client:
    """How the client behaves: the time limit of a request in seconds, how many it sends a second and at once.

    None means Atoll's own time limit, and no limit of the others.
    """

    timeout: float | None = None
    qps: float | None = None
    burst: int | None = None


@dataclass(frozen=True)
class Settings:
    """How to reach a cluster and how to treat its objects.

    `known` is false in a preview whose kubeconfig another resource will make. `mutable` holds the kinds whose
    data may change in place. `quiet_hooks` and `quiet_deprecations` silence warnings. `registries` is the file in which
    helm looks for logins to registries.
    """

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    namespace: str = ""
    known: bool = True
    server_side_apply: bool = True
    upsert: bool = False
    force: bool = False
    delete_unreachable: bool = False
    skip_unreachable: bool = False
    quiet_hooks: bool = False
    quiet_deprecations: bool = False
    mutable: frozenset[str] = frozenset()
    client: Client = Client()
    registries: str = ""


def read(variables: Mapping[str, str], environment: Mapping[str, str]) -> Settings:
    """Takes settings from the engine's variables, and the flags that are not among them from the environment."""
    given = {key.removeprefix(_PREFIX): value for key, value in variables.items()}

    def flag(name: str, variable: str, default: str = "") -> bool:
        return given.get(name, environment.get(f"PULUMI_K8S_{variable}", default)) == "true"

    data = {
        "ConfigMap": flag("enableConfigMapMutable", "ENABLE_CONFIGMAP_MUTABLE"),
        "Secret": flag("enableSecretMutable", "ENABLE_SECRET_MUTABLE"),
    }
    return Settings(
        kubeconfig=given.get("kubeconfig", ""),
        context=given.get("context", ""),
        cluster=given.get("cluster", ""),
        namespace=given.get("namespace", ""),
        known=values.UNKNOWN not in (given.get(name) for name in (*ACTIVE, "namespace")),
        server_side_apply=flag("enableServerSideApply", "ENABLE_SERVER_SIDE_APPLY", "true"),
        upsert=flag("upsertExistingObjects", "UPSERT_EXISTING_OBJECTS"),
        force=flag("enablePatchForce", "ENABLE_PATCH_FORCE"),
        delete_unreachable=flag("deleteUnreachable", "DELETE_UNREACHABLE"),
        skip_unreachable=flag("skipUpdateUnreachable", "SKIP_UPDATE_UNREACHABLE"),
        quiet_hooks=flag("suppressHelmHookWarnings", "SUPPRESS_HELM_HOOK_WARNINGS"),
        quiet_deprecations=flag("suppressDeprecationWarnings", "SUPPRESS_DEPRECATION_WARNINGS"),
        mutable=frozenset(kind for kind, is_mutable in data.items() if is_mutable),
        client=_client(given.get("kubeClientSettings", ""), environment),
        registries=str(
            _object(given.get(_HELM)).get(_REGISTRIES)
            or environment.get("PULUMI_K8S_HELM_REGISTRY_CONFIG_PATH", "")
        ),
    )


def _client(given: Any, environment: Mapping[str, str]) -> Client:
    found = _object(given)

    def number(name: str) -> float | None:
        value = found.get(name, environment.get(f"PULUMI_K8S_CLIENT_{name.upper()}") or None)
        try:
            limit = None if value is None else float(value)
        except (TypeError, ValueError):
            limit = -1
        if limit is not None and limit <= 0:
            raise ArgsError(f"kubeClientSettings.{name}: found {value!r}; expected a number above 0")
        return limit

    burst = number("burst")
    return Client(number("timeout"), number("qps"), None if burst is None else max(1, int(burst)))


def _object(given: Any) -> dict[str, Any]:
    """A setting that is an object, which the engine hands over as JSON; empty where it is none, or not known yet."""
    try:
        found = json.loads(given) if isinstance(given, str) and given else given
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def problems(inputs: dict[str, Any]) -> Iterator[str]:
    """What of a provider's settings the stand-in does not serve, one line each."""
    for name in _UNSUPPORTED:
        if inputs.get(name) not in (None, "", False, "false"):
            yield f"{name}: found a setting that the stand-in does not serve; expected it to be left out"
    for name, value in sorted(_object(inputs.get(_HELM)).items()):
        if name != _REGISTRIES and value not in (None, "") and (name, value) != ("driver", "secret"):
            yield (
                f"{_HELM}.{name}: found a setting that the stand-in does not serve; expected {_REGISTRIES} alone"
            )
    if inputs.get("enableServerSideApply") in (False, "false"):
        yield "enableServerSideApply: found false; expected true (the stand-in writes by server-side apply alone)"
    try:
        _client(inputs.get("kubeClientSettings"), {})
    except ArgsError as error:
        yield str(error)
