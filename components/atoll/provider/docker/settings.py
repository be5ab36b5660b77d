"""The provider's settings as a program or the environment gives them.

Source: the `Provider` resource of the package docker 5.2, and the variables that it names.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from docker import auth, errors

from atoll.core.errors import ArgsError
from atoll.provider import values
from atoll.registry import docker_logins, references
from atoll.registry.logins import Login

_PREFIX = "docker:config:"
_HOST = "unix:///var/run/docker.sock"
_UNSUPPORTED = ("context", "sshOpts")
_AUTHENTICATION = frozenset(
    {"address", "authDisabled", "configFile", "configFileContent", "password", "username"}
)
SECRET = ("registryAuth", "keyMaterial")
"""Settings that are secret in the state whatever the program says."""


@dataclass(frozen=True)
class Tls:
    """How the engine is spoken to over TLS, PEM each; an empty one was not given."""

    authority: str = ""
    certificate: str = ""
    key: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.authority or self.certificate or self.key)


@dataclass(frozen=True)
class Settings:
    """Where the engine is, and who tells how its registries let in: {address: call}.

    Logins are asked for as they are needed: what tells them may still be made when a provider is configured.
    `known` is false in a preview in which another resource has yet to make one of them.
    """

    host: str = _HOST
    tls: Tls = Tls()
    logins: Mapping[str, Callable[[], Login]] = field(default_factory=dict, repr=False)
    known: bool = True

    def login(self, address: str) -> Login:
        """How a registry is logged in to; nobody's login where none was given."""
        asked = self.logins.get(address)
        return asked() if asked else Login(address, "", "")


def read(variables: Mapping[str, str], environment: Mapping[str, str]) -> Settings:
    """Takes settings from the engine's variables, and from the environment what is not among them.

    Raises:
        ArgsError: one of them is not what it should be.
    """
    given = {key.removeprefix(_PREFIX): value for key, value in variables.items()}
    known = not any(values.UNKNOWN in str(value) for value in given.values())
    return Settings(
        host=given.get("host") or environment.get("DOCKER_HOST") or _HOST,
        tls=_tls(given, environment),
        logins=_logins(given.get("registryAuth", ""), environment) if known else {},
        known=known,
    )


def problems(inputs: dict[str, Any]) -> Iterator[str]:
    """What of a provider's settings the stand-in does not serve, one line each."""
    for name in _UNSUPPORTED:
        if inputs.get(name) not in (None, "", "[]"):
            yield f"{name}: found a setting that the stand-in does not serve; expected it to be left out"
    host = inputs.get("host") or ""
    if host and not values.has_unknown(host) and not str(host).startswith(("unix://", "tcp://")):
        yield f"host: found {host!r}; expected unix://PATH or tcp://HOST:PORT (the stand-in serves these)"
    given = inputs.get("registryAuth") or ""
    if values.UNKNOWN not in str(given):
        try:
            for each in _entries(given):
                _address(each)
        except ArgsError as error:
            yield str(error)


def _tls(given: Mapping[str, str], environment: Mapping[str, str]) -> Tls:
    def material(name: str, variable: str, file: str) -> str:
        if text := given.get(name) or environment.get(variable):
            return text
        folder = given.get("certPath") or environment.get("DOCKER_CERT_PATH")
        path = Path(folder or "/nonexistent", file)
        return path.read_text() if path.is_file() else ""

    return Tls(
        material("caMaterial", "DOCKER_CA_MATERIAL", "ca.pem"),
        material("certMaterial", "DOCKER_CERT_MATERIAL", "cert.pem"),
        material("keyMaterial", "DOCKER_KEY_MATERIAL", "key.pem"),
    )


def _entries(given: Any) -> list[dict[str, Any]]:
    """`registryAuth`, which the engine hands over as JSON."""
    try:
        found = json.loads(given) if isinstance(given, str) and given else given or []
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ArgsError(
            "registryAuth: found no list of logins; expected one of {address, username, password}"
        )
    plain = [values.plain(values.encode({"it": each}))["it"] for each in found]
    for each in plain:
        if others := sorted(each.keys() - _AUTHENTICATION):
            raise ArgsError(
                f"registryAuth: found {', '.join(others)}; expected {', '.join(sorted(_AUTHENTICATION))}"
            )
    return plain


def _address(entry: Mapping[str, Any]) -> str:
    address = str(entry.get("address") or "").removeprefix("https://").strip("/")
    if not address or "://" in address:
        raise ArgsError(
            f"registryAuth: found address {entry.get('address')!r}; expected HOST or HOST:PORT of one that speaks https"
        )
    host = address.partition("/")[0]
    # Docker's own registry goes by the address of a service that is long gone.
    return references.HUB if host in {"index.docker.io", "docker.io", "registry.hub.docker.com"} else host


def _logins(given: Any, environment: Mapping[str, str]) -> dict[str, Callable[[], Login]]:
    found: dict[str, Callable[[], Login]] = {}
    for each in _entries(given):
        address, content = _address(each), each.get("configFileContent")
        config = auth.AuthConfig(_parsed(content)) if content else None
        found[address] = partial(_login, address, each, config, environment)
    return found


def _login(
    address: str, entry: Mapping[str, Any], config: auth.AuthConfig | None, environment: Mapping[str, str]
) -> Login:
    disabled = entry.get("authDisabled")
    user, password = ("", "") if disabled else _named(address, entry, config, environment)
    return Login(address, user, password, authorities(environment))


def _named(
    address: str, entry: Mapping[str, Any], config: auth.AuthConfig | None, environment: Mapping[str, str]
) -> tuple[str, str]:
    """User and password: of a configuration of Docker's where one is named, else as they are given.

    A configuration goes before a password, as in the official plugin.
    """
    if config is None and (path := entry.get("configFile")):
        config = auth.load_config(str(Path(path).expanduser()))
    elif config is None and (user := entry.get("username") or environment.get("DOCKER_REGISTRY_USER")):
        return str(user), str(entry.get("password") or environment.get("DOCKER_REGISTRY_PASS") or "")
    found = docker_logins.login(address, config=config)
    return found.user, found.password


def _parsed(content: str) -> dict[str, Any]:
    try:
        document = json.loads(content)
        entries = auth.AuthConfig.parse_auth(document.get("auths", {}), raise_on_error=True)
    except (ValueError, AttributeError, errors.DockerException) as error:
        raise ArgsError(
            "registryAuth.configFileContent: found no configuration of Docker's; expected its JSON"
        ) from error
    return {**document, "auths": entries}


def authorities(environment: Mapping[str, str]) -> str:
    """Whom to trust for registries, PEM: what SSL_CERT_DIR holds, or nothing for what the machine trusts.

    Every file of its folders counts, as for programs in Go; OpenSSL takes those alone whose names are hashes.
    """
    folders = [Path(each) for each in environment.get("SSL_CERT_DIR", "").split(":") if each]
    files = (path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir()))
    texts = (path.read_text(errors="replace") for path in files if path.is_file() and not path.is_symlink())
    return "\n".join(text for text in texts if "BEGIN CERTIFICATE" in text)
