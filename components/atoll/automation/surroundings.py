"""The variables that the engine and its programs see: the environment's own, and nothing ambient. Pure."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

from atoll.host import Environment
from atoll.host.environment import VARIABLE
from atoll.registry import docker

_AMBIENT = re.compile(
    r"(AWS|PULUMI|OTEL|AZURE|GOOGLE|HELM)_.*|KUBECONFIG|(https?|all|ftp)_proxy", re.IGNORECASE
)
"""What would lead a dev environment to a real cloud, another cluster or a proxy."""


def own(
    environment: Environment,
    *,
    plugins_downloaded: bool,
    backend: str = "",
    keys: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """What the environment sets.

    `plugins_downloaded` lets the engine fetch what it misses; its state is in `backend`, else in the environment's
    folder; `keys` lead to its KMS.
    """
    return {
        VARIABLE: str(environment.folder),
        "PULUMI_HOME": str(environment.engine_home),
        # Without the sidecar files of attributes: one that was cut off makes the state beside it unreadable.
        "PULUMI_BACKEND_URL": backend or f"file://{quote(str(environment.state))}?metadata=skip",
        # A stack file that was cleaned away must not make the secrets unreadable: the state knows as well.
        "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        "PULUMI_STACK": environment.name,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": str(not plugins_downloaded).lower(),
        # An empty kubeconfig: whoever forgets to say which cluster is meant meets none.
        "KUBECONFIG": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "*",
        **docker.variables(environment),
        **keys,
    }


def programs(environment: Environment) -> list[str]:
    """The folders that come first on PATH: the chosen programs, then this Python and `atoll`."""
    return [str(environment.bin), str(Path(sys.executable).parent)]


def ambient(outside: Mapping[str, str]) -> list[str]:
    """The names of the caller's variables that must not get in."""
    return sorted(name for name in outside if _AMBIENT.fullmatch(name))


def inside(
    environment: Environment, outside: Mapping[str, str], variables: Mapping[str, str]
) -> dict[str, str]:
    """The whole environment of the engine: the caller's without what is ambient, then `variables`."""
    hidden = set(ambient(outside))
    kept = {name: value for name, value in outside.items() if name not in hidden}
    path = ":".join([*programs(environment), outside.get("PATH", "")])
    return {**kept, **variables, "PATH": path}
