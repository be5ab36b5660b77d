"""The provider's settings as a program or the environment gives them. Pure.

Source: the `Provider` resource of the package kubernetes 4.34, and its PULUMI_K8S_* variables.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from atoll.provider import values

_PREFIX = "kubernetes:config:"
_UNSUPPORTED = ("renderYamlToDirectory", "alwaysRender", "strictMode")
ACTIVE = ("kubeconfig", "context", "cluster")
"""The settings that choose a cluster."""


@dataclass(frozen=True)
class Settings:
    """How to reach a cluster and how to treat its objects.

    `known` is false in a preview whose kubeconfig another resource will make. `mutable` holds the kinds whose
    data may change in place.
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
    mutable: frozenset[str] = frozenset()


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
        mutable=frozenset(kind for kind, is_mutable in data.items() if is_mutable),
    )


def problems(inputs: dict[str, Any]) -> Iterator[str]:
    """What of a provider's settings the stand-in does not serve, one line each."""
    for name in _UNSUPPORTED:
        if inputs.get(name) not in (None, "", False, "false"):
            yield f"{name}: found a setting that the stand-in does not serve; expected it to be left out"
    if inputs.get("enableServerSideApply") in (False, "false"):
        yield "enableServerSideApply: found false; expected true (the stand-in writes by server-side apply alone)"
