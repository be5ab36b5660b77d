"""What makes keys real: ensures them in their KMS, compares, mends, and lets them go slowly."""

from functools import cache
from typing import Any

from atoll.core import iam
from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import AtollError, RefusedError
from atoll.secrets import grants, key_rules, keys, kms, lifecycle
from atoll.secrets.keys import Live, Wanted
from atoll.secrets.service import Service

_OUTPUTS = frozenset({"keyId", "arn", "marked", "deletion", "retiring"})
_REGION = 3
"""Which part of an ARN is the region."""


class KmsKey(Effect):
    """A key: found again by alias or mark, never made twice, deleted after a time in which it can be had back."""

    replace_on = frozenset({"spec", "multiRegion", "region"})
    secret_outputs = frozenset[str]()
    outputs = _OUTPUTS

    def check(self, inputs: Values) -> list[Failure]:
        """All that can be told without asking the KMS."""
        return list(key_rules.problems(inputs))

    def same(self, name: str, old: Any, new: Any) -> bool:
        """Policies and grants are what they mean; a region that is not said is the one where the key is."""
        if name == "region" and None in (old, new):
            return True
        if name == "policy" and None not in (old, new):
            return iam.same(old, new)
        if name == "grants" and isinstance(old, dict) and isinstance(new, dict):
            return grants.same(old, new)
        return bool(old == new)

    def changes(self, changed: frozenset[str]) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """A key stays the same key whatever is changed about it."""
        return frozenset()

    def stale(self, inputs: Values, outputs: Values) -> str | None:  # noqa: ARG002 - the protocol's
        """Somebody asked for its deletion, or took its marks away."""
        if outputs.get("deletion"):
            return f"it waits for its deletion on {outputs['deletion']}"
        return None if outputs.get("marked", True) else "the tags are gone by which it is found again"

    def renews(self, inputs: Values, outputs: Values) -> frozenset[str]:  # noqa: ARG002 - the protocol's
        """What it is stale for."""
        return frozenset({"deletion"} if outputs.get("deletion") else {"marked"})

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Takes up the key that was begun, waits for its deletion or stands behind the alias, or makes one."""
        service, wanted = _service(inputs), Wanted.of(inputs, context.owner)
        live = service.take(wanted) or service.make(wanted)
        try:
            if service.moves_alias(wanted, live):
                live = service.expect(live.id)
            return _fitted(service, live, wanted, context)
        except AtollError as error:
            told = {"keyId": live.id, "arn": live.arn}
            return Outcome(live.id, told, (str(error),), error.exit_code, error.retry)

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002 - the protocol's
        """Looks at all of it, where its ARN says that it is."""
        service = _service(inputs, outputs.get("arn") or id)
        live = _found(service, id, inputs, context)
        if live is None:
            return None
        if not inputs:
            _refuse_import(service, live)
        found = keys.declared(live, inputs)
        marked = live.is_marked(Wanted.of(inputs or found, context.owner))
        seen = {**_names(live), "marked": marked, "deletion": live.deletion}
        return Seen(found, seen, id=live.id)

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002 - the protocol's
        """Makes the key fit; what was written before a failure is seen by the next look."""
        service = _service(inputs, outputs.get("arn", ""))
        live, wanted = service.expect(outputs.get("keyId") or id), Wanted.of(inputs, context.owner)
        return _fitted(service, service.heir(live, wanted) or live, wanted, context)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002 - the protocol's
        """Takes the alias away and has the KMS delete the key after its window."""
        service, wanted = _service(inputs, outputs.get("arn", "")), Wanted.of(inputs, context.owner)
        live = _found(service, id, inputs, context)
        if live is None:
            return
        for write in keys.farewell(live, wanted.alias, wanted.window):
            service.write(wanted.alias, write)
        if live.generation > 1:
            _tell_left(service, wanted, context)


def _found(service: Service, id: str, inputs: Values, context: Context) -> Live | None:  # noqa: A002 - the protocol's
    """A key by its id, or the one that a rotation put in its place.

    One whose making was killed is known by its alias alone, which it may not have yet.
    """
    live = service.look(id)
    if not inputs:
        return live
    wanted = Wanted.of(inputs, context.owner)
    if live is None and id.startswith(keys.PREFIX):
        return service.begun(wanted)
    return service.heir(live, wanted) or live


def _names(live: Live) -> Values:
    """What names a key, and those before it that still open."""
    return {"keyId": live.id, "arn": live.arn, "retiring": live.retiring}


def _tell_left(service: Service, wanted: Wanted, context: Context) -> None:
    """Names the keys before the one that goes: nobody deletes them, since what is old opens by them alone."""
    left = [key.arn for key in service.without_alias(wanted) if key.tags.get(keys.STATE) in lifecycle.PAST]
    if left:
        context.warn(
            f"key {wanted.alias}: its keys of before stay in the KMS, for what is old: {', '.join(left)}"
        )


def _fitted(service: Service, live: Live, wanted: Wanted, context: Context) -> Outcome:
    if live.deletion:
        context.warn(f"key {wanted.alias}: {live.id} was to be deleted on {live.deletion}; taken up again")
    for write in keys.writes(live, wanted):
        service.write(wanted.alias, write)
    return Outcome(live.id, {**_names(live), "marked": True, "deletion": ""})


def _refuse_import(service: Service, live: Live) -> None:
    if live.metadata.get("KeyManager") == "AWS":
        raise RefusedError(
            f"{service.access.label}: key {live.id}: found one of the cloud itself; expected a customer's."
        )
    if live.deletion:
        raise RefusedError(
            f"{service.access.label}: key {live.id}: found it waiting for its deletion on {live.deletion}; expected one "
            f"that stays. Run: aws kms cancel-key-deletion --key-id {live.id}"
        )


def _service(inputs: Values, name: str = "") -> Service:
    """The KMS of a key, whose ARN names its region."""
    parts = name.split(":")
    region = parts[_REGION] if parts[0] == "arn" and len(parts) > _REGION else inputs.get("region")
    return _cached(kms.Access.current(region, inputs.get("endpoint")))


_cached = cache(Service)
"""One for all keys of a KMS: its connections and its patience are shared."""
