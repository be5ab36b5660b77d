"""The logins that Docker's clients have: in a configuration of theirs, or known to its credential helper.

Source: https://docs.docker.com/reference/cli/docker/login
"""

from docker import auth, errors

from atoll.core.errors import UnavailableError, quoted
from atoll.registry import references
from atoll.registry.logins import Login


def login(address: str, authority: str = "", config: auth.AuthConfig | None = None) -> Login:
    """The login to a registry, nobody's where there is none; of the caller's configuration unless another is given.

    Raises:
        UnavailableError: the credential helper does not tell.
    """
    asked = auth.INDEX_NAME if address == references.HUB else address
    try:
        found = (config or auth.load_config()).resolve_authconfig(asked) or {}
    except errors.DockerException as error:
        raise UnavailableError(
            f"registry {address}: found no login ({quoted(error)}); expected what Docker's credential helper knows. Run: "
            f"docker login {address}"
        ) from error
    user = found.get("username") or found.get("Username") or ""
    return Login(address, user, found.get("password") or found.get("Password") or "", authority)
