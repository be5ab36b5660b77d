"""What makes pull secrets real: a login is asked for as the secret is made, and again before it ends."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta

from atoll.core import lifetimes
from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import UnavailableError
from atoll.host import Environment
from atoll.registry import access
from atoll.registry.kinds import RegistryKind
from atoll.registry.local import launch
from atoll.registry.logins import Login, docker_config

_KEY = ".dockerconfigjson"
_LIFE = timedelta(hours=12)
"""Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html"""


class PullSecret(Effect):
    """A login as the data of a Secret."""

    replace_on = frozenset({"name"})
    secret_outputs = frozenset({"data"})
    outputs = frozenset({"data", "revision", "ends"})

    def check(self, inputs: Values) -> list[Failure]:  # noqa: ARG002 - the protocol's
        """Its registry is looked at as the login is asked for."""
        return []

    def changes(self, changed: frozenset[str]) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """Another registry or user, and a new login of the same, is another secret."""
        return self.outputs

    def stale(self, inputs: Values, outputs: Values) -> str | None:
        """Its login is near its end, or another one by now."""
        if ends := outputs.get("ends"):
            end = datetime.fromisoformat(ends)
            return f"its login ends at {ends}" if lifetimes.near_end(end, _LIFE, datetime.now(UTC)) else None
        if inputs.get("kind") != RegistryKind.OCI or "revision" not in outputs:
            return None
        try:
            return None if _asked(inputs)[1] == outputs["revision"] else "its login is another one by now"
        except UnavailableError:
            return None

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Asks for a login."""
        login, revision = _asked(inputs)
        data = {_KEY: base64.b64encode(docker_config(login).encode()).decode()}
        ends = login.ends.isoformat() if login.ends else ""
        return Outcome(inputs["name"], {"data": data, "revision": revision, "ends": ends})

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """There is nothing but the state that has it."""
        return Seen(inputs, outputs)

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Asks for a login."""
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002 - the protocol's
        """Leaves the login as it is: it is the registry's."""


def _asked(inputs: Values) -> tuple[Login, str]:
    """A login, and what tells it from others: of this machine by the hash of its password, which is salted."""
    login = access.login(inputs, inputs.get("user"))
    if login.ends:
        return login, f"{login.address} until {login.ends.isoformat()}"
    line = launch.hash_of(Environment.current(), inputs["registry"], login.user)
    told = f"{login.address} {login.user} {line}"
    return login, hashlib.sha256(told.encode()).hexdigest()[:16]
