"""What stands behind `HelmLogins`: the files by which helm finds who knows the logins, and whom to trust."""

from typing import Any

from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.host import Environment
from atoll.registry import access, docker
from atoll.registry.local import launch


class RegistryLogins(Effect):
    """The registries that a client asks. Inputs: its `name`, and `registries`, references with the `address` of each."""

    replace_on = frozenset({"name"})
    secret_outputs = frozenset[str]()
    outputs = frozenset[str]()

    def check(self, inputs: Values) -> list[Failure]:  # noqa: ARG002 - the protocol's
        """The component makes the inputs."""
        return []

    def same(self, name: str, old: Any, new: Any) -> bool:
        """Registries are a set."""
        return access.same(old, new) if name == "registries" else bool(old == new)

    def changes(self, changed: frozenset[str]) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """There are no outputs."""
        return frozenset()

    def stale(self, inputs: Values, outputs: Values) -> str | None:  # noqa: ARG002 - the protocol's
        """The files are on this machine alone, and the authority may be another one."""
        environment = Environment.current()
        fits = docker.fits(
            environment, inputs["name"], None, inputs["registries"], launch.authority(environment)
        )
        return None if fits else "what clients of Docker read changed"

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Writes the files."""
        environment = Environment.current()
        docker.write(environment, inputs["name"], None, inputs["registries"], launch.authority(environment))
        return Outcome(inputs["name"], {})

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """What is amiss makes it stale."""
        return Seen(inputs, outputs) if inputs else None

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Writes the files."""
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002, ARG002 - the protocol's
        """Forgets the registries."""
        docker.remove(Environment.current(), id)
