"""The configuration in the form of Docker's clients that builds and helm use: where builders are, and who knows the logins.

No login lies in it. Whoever needs one asks `docker-credential-atoll`, which asks the registry's keeper at that moment.

Source: https://docs.docker.com/reference/cli/docker/login/#credential-stores and buildx's store/nodegroup.go
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from atoll.core import files
from atoll.core.effect import Values
from atoll.host import Environment

FOLDER = "docker"
_REGISTRIES = "registries"
_STORE, _SETTINGS = "atoll", "config.json"
_AUTHORITIES = "certificates"
_SYSTEM = ("/etc/ssl/certs", "/etc/pki/tls/certs")
"""Where Go looks unless told."""
_CONFIG, _TRUST = "ATOLL_DOCKER_CONFIG", "ATOLL_DOCKER_TRUST"
_HELM = "ATOLL_HELM_REGISTRIES"
VARIABLES: Mapping[str, str] = MappingProxyType({_CONFIG: "DOCKER_CONFIG", _TRUST: "SSL_CERT_DIR"})
"""What the plugin that builds is to take for its own: {the environment's variable: the plugin's}."""
HELM: Mapping[str, str] = MappingProxyType(
    {_HELM: "PULUMI_K8S_HELM_REGISTRY_CONFIG_PATH", _TRUST: "SSL_CERT_DIR"}
)
"""The same for the plugin that lets helm make releases: helm reads the form of Docker's clients, and takes no authority else.

Source: helmReleaseSettings.registryConfigPath of the package kubernetes, whose variable this is; its own way to registries
is given no `caFile` (locateChart in provider/pkg/provider/helm_release.go).
"""


def variables(environment: Environment) -> dict[str, str]:
    """What an environment sets for builds, under names that no other client of Docker in a shell of it minds."""
    folder = environment.folder / FOLDER
    return {
        _CONFIG: str(folder),
        _HELM: str(folder / _SETTINGS),
        _TRUST: ":".join([str(folder / _AUTHORITIES), *_SYSTEM]),
    }


def write(
    environment: Environment, client: str, instance: Values | None, registries: list[Values], trust: str
) -> None:
    """Makes the registries of a client known, and of one that builds where its builder is.

    `trust` are the authorities of the registries, PEM.
    """
    files.folder(environment.folder / FOLDER / _AUTHORITIES)
    for path, content in _wanted(environment, client, instance, registries).items():
        files.folder(path.parent)
        files.write_json(path, content)
    if trust:
        files.write(_authority(environment), trust)


def fits(
    environment: Environment, client: str, instance: Values | None, registries: list[Values], trust: str
) -> bool:
    """Whether that is there as `write` leaves it."""
    wanted = _wanted(environment, client, instance, registries)
    known = _authority(environment).read_text() if _authority(environment).exists() else ""
    return known == trust and all(_read(path) == content for path, content in wanted.items())


def remove(environment: Environment, client: str, instance: str = "") -> None:
    """Forgets a client, and the builder of one that builds; with the last one all goes."""
    folder = environment.folder / FOLDER
    (folder / _REGISTRIES / f"{client}.json").unlink(missing_ok=True)
    if instance:
        (folder / "buildx" / "instances" / instance).unlink(missing_ok=True)
    if folder.exists() and not any((folder / _REGISTRIES).glob("*.json")):
        shutil.rmtree(folder)


def local_builders(environment: Environment, instance: str) -> set[str]:
    """The names of the builders that are the one of this machine, of which there is one at most."""
    folder = environment.folder / FOLDER
    if not (folder / "buildx" / "instances" / instance).exists():
        return set()
    found = {path.stem: _read(path) for path in (folder / _REGISTRIES).glob("*.json")}
    return {name for name, each in found.items() if each and each.get("instance") == instance}


def registries(environment: Environment) -> Iterator[Values]:
    """The registries that clients ask, each with its `address` and what an effect tells it by."""
    for path in sorted((environment.folder / FOLDER / _REGISTRIES).glob("*.json")):
        yield from (_read(path) or {}).get("registries", ())


def remote(name: str, endpoint: str) -> Values:
    """A buildkitd at an address, as buildx keeps a builder."""
    node: Values = {
        "Name": f"{name}0",
        "Endpoint": endpoint,
        "Platforms": [],
        "DriverOpts": None,
        "Flags": None,
    }
    return {"Name": name, "Driver": "remote", "Nodes": [{**node, "Files": None}], "Dynamic": False}


def theirs(variables: Mapping[str, str]) -> dict[str, Values]:
    """The builders that a user made with buildx, by name."""
    home = variables.get("DOCKER_CONFIG") or str(Path(variables.get("HOME", "/nonexistent"), ".docker"))
    folder = Path(variables.get("BUILDX_CONFIG") or Path(home, "buildx")) / "instances"
    found = {path.name: _read(path) for path in sorted(folder.glob("*")) if path.is_file()}
    return {name: each for name, each in found.items() if isinstance(each, dict)}


def _wanted(
    environment: Environment, client: str, instance: Values | None, registries: list[Values]
) -> dict[Path, Any]:
    folder, known = environment.folder / FOLDER, {"registries": registries}
    settings, logins = folder / _SETTINGS, folder / _REGISTRIES / f"{client}.json"
    if instance is None:
        return {settings: {"credsStore": _STORE}, logins: known}
    return {
        settings: {"credsStore": _STORE},
        logins: {"instance": instance["Name"], **known},
        folder / "buildx" / "instances" / instance["Name"]: instance,
    }


def _authority(environment: Environment) -> Path:
    return environment.folder / FOLDER / _AUTHORITIES / "ca.crt"


def _read(path: Path) -> Any:
    try:
        return files.read_json(path)
    except (OSError, ValueError):
        return None
