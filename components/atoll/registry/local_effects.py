"""What makes registries of this machine real, and repositories in them."""

from typing import Any

from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import NotReadyError, RefusedError, UnavailableError
from atoll.host import Environment
from atoll.registry import rules
from atoll.registry.client import Client
from atoll.registry.local import launch, users
from atoll.registry.local.seat import Seat


class LocalRegistry(Effect):
    """The distribution registry as a process of this machine: TLS by the environment's authority, users by password."""

    replace_on = frozenset({"name"})
    secret_outputs = frozenset[str]()
    outputs = frozenset({"address", "authority"})

    def check(self, inputs: Values) -> list[Failure]:
        """All that can be told of the inputs alone."""
        return list(rules.registry(inputs))

    def same(self, name: str, old: Any, new: Any) -> bool:
        """Users are a set."""
        return set(old or ()) == set(new or ()) if name == "users" else bool(old == new)

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """Nothing that an input changes shows in an output; a new authority or port does."""
        return frozenset() if changed else frozenset({"address", "authority"})

    def stale(self, inputs: Values, outputs: Values) -> str | None:
        """Its certificates are near their end, or what runs is not what should."""
        environment = Environment.current()
        if not launch.exists(environment, inputs["name"]):
            return None
        place = launch.seat(environment, inputs["name"])
        moved = [
            name for name, value in _outputs(environment, place).items() if outputs.get(name, value) != value
        ]
        found = launch.stale(environment, place, inputs["users"])
        return found or (f"another {' and '.join(moved)} by now" if moved else None)

    def renews(self, inputs: Values, outputs: Values) -> frozenset[str]:
        """A restart changes nothing for those who use it."""
        environment = Environment.current()
        place = launch.seat(environment, inputs["name"])
        now = _outputs(environment, place)
        renewed = {name for name, value in now.items() if outputs.get(name) != value}
        return frozenset(renewed | ({"authority"} if launch.authority_ends(place) else set()))

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Starts the registry, or takes up the one that was begun under this name."""
        environment = Environment.current()
        launch.claim(environment, inputs["name"], context.owner)
        place = launch.seat(environment, inputs["name"])
        launch.write(environment, place, inputs["users"])
        outputs = _outputs(environment, place)
        try:
            launch.start(environment, place, context)
        except NotReadyError as error:
            return Outcome(place.name, outputs, (str(error),), retry=error.retry)
        return Outcome(place.name, outputs)

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """Looks at who is let in; the folder's absence is the registry's."""
        environment = Environment.current()
        if not launch.exists(environment, id):
            return None
        place, wanted = launch.seat(environment, id), inputs.get("users", [])
        found = users.fitting(launch.hashes(place), launch.passwords(place))
        live = wanted if sorted(wanted) == found else found
        return Seen({**inputs, "name": id, "users": live}, _outputs(environment, place))

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Makes users, certificates and process fit; what it stores stays."""
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002, ARG002 - the protocol's
        """Stops it and removes what it kept, images only where `forceDelete` was said before."""
        environment = Environment.current()
        place = launch.seat(environment, id)
        held = launch.stored(place.storage)
        if held and not inputs.get("forceDelete", False):
            raise _full(f"registry {id}", held)
        launch.remove(environment, place)


class OciRepository(Effect):
    """A repository of a registry of this machine, which comes to be by the first push to it."""

    replace_on = frozenset({"name", "registry"})
    secret_outputs = frozenset[str]()
    outputs = frozenset({"uri"})

    def check(self, inputs: Values) -> list[Failure]:
        """All that can be told of the inputs alone."""
        return list(rules.repository(inputs))

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """Its registry may have another port."""
        return frozenset() if changed else frozenset({"uri"})

    def stale(self, inputs: Values, outputs: Values) -> str | None:
        """Its registry has another port by now."""
        environment = Environment.current()
        if not launch.exists(environment, inputs["registry"]):
            return None
        uri = _uri(launch.seat(environment, inputs["registry"]), inputs["name"])
        return None if outputs.get("uri", uri) == uri else f"it is {uri} by now"

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Says where it is."""
        environment, registry = Environment.current(), inputs["registry"]
        if not launch.exists(environment, registry):
            raise UnavailableError(
                f"repository {inputs['name']}: found no registry {registry} on this machine; expected it. "
                f"Run: atoll up {environment.name}"
            )
        return Outcome(inputs["name"], {"uri": _uri(launch.seat(environment, registry), inputs["name"])})

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """It is there as long as its registry is. An import names it `REGISTRY/NAME`."""
        environment = Environment.current()
        registry, _, name = (inputs["registry"], "", id) if inputs else id.partition("/")
        if not launch.exists(environment, registry):
            return None
        found = {**inputs, "registry": registry, "name": name}
        return Seen(found, {"uri": _uri(launch.seat(environment, registry), name)}, id=name)

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Says where it is."""
        return self.create(id, inputs, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002, ARG002 - the protocol's
        """Deletes its images, only where `forceDelete` was said before. Their layers stay until the registry goes."""
        environment, registry = Environment.current(), inputs["registry"]
        if not launch.exists(environment, registry):
            return
        held = launch.stored(launch.seat(environment, registry).storage, id)
        if held and not inputs.get("forceDelete", False):
            raise _full(f"registry {registry}: repository {id}", held)
        client = Client(launch.login(environment, registry))
        for repository, digest in held:
            client.delete(repository, digest)


def _outputs(environment: Environment, place: Seat) -> Values:
    return {"address": place.address, "authority": launch.authority(environment)}


def _uri(place: Seat, name: str) -> str:
    return f"{place.address}/{name}"


def _full(where: str, held: list[tuple[str, str]]) -> RefusedError:
    return RefusedError(
        f"{where}: found it with {held[0][0]}@{held[0][1]} and {len(held) - 1} more; expected it empty. Delete its images, "
        "or say forceDelete and run `up` first"
    )
