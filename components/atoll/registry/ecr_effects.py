"""What makes registries and repositories of ECR real: ensures, compares, mends, and removes what is empty."""

from typing import Any

from atoll.core import iam
from atoll.core.effect import Context, Effect, Failure, Outcome, Seen, Values
from atoll.core.errors import AtollError, RefusedError
from atoll.registry import ecr_service, lifecycle, repositories, rules, sharing
from atoll.registry.ecr import Access
from atoll.registry.ecr_service import Service
from atoll.registry.repositories import Live, Wanted

_ARN_PARTS, _REGION = 6, 3


class EcrRepository(Effect):
    """A repository: found again by its name and mark, deleted when it holds no images or that is said."""

    replace_on = frozenset({"name", "encryption", "region"})
    secret_outputs = frozenset[str]()
    outputs = frozenset({"arn", "uri", "marked"})

    def check(self, inputs: Values) -> list[Failure]:
        """All that can be told without asking ECR."""
        return list(rules.repository(inputs))

    def same(self, name: str, old: Any, new: Any) -> bool:
        """Policies are what they mean, exclusions a set; a region that is not said is the one where it is."""
        if name == "region" and None in (old, new):
            return True
        if name in _MEANT and None not in (old, new):
            return _MEANT[name](old, new)
        if name == "exclusions":
            return set(old or ()) == set(new or ())
        return bool(old == new)

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """A repository stays the same whatever is changed about it; one that lost its mark gets it back."""
        return frozenset() if changed else frozenset({"marked"})

    def stale(self, inputs: Values, outputs: Values) -> str | None:  # noqa: ARG002 - the protocol's
        """Somebody took its mark away."""
        return None if outputs.get("marked", True) else "the tag is gone that says whose it is"

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Takes up the repository that was begun, or makes one."""
        service, wanted = _service(inputs), Wanted.of(inputs, context.owner)
        live = service.ensure(wanted)
        try:
            return _fitted(service, live, wanted)
        except AtollError as error:
            told = {"arn": live.arn, "uri": live.uri, "marked": True}
            return Outcome(wanted.name, told, (str(error),), error.exit_code, error.retry)

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002 - the protocol's
        """Looks at all of it. An import names it by its name or its ARN."""
        named = outputs.get("arn") or id
        live = _service(inputs, named).look(id.rpartition(":repository/")[2])
        if live is None:
            return None
        found = repositories.declared(live, inputs)
        marked = live.is_marked(Wanted.of(inputs or found, context.owner))
        return Seen(found, {"arn": live.arn, "uri": live.uri, "marked": marked}, id=live.name)

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Makes the repository fit; what was written before a failure is seen by the next look."""
        service, wanted = _service(inputs, outputs.get("arn", "")), Wanted.of(inputs, context.owner)
        return _fitted(service, service.expect(wanted), wanted)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002 - the protocol's
        """Removes it, with its images only where `forceDelete` was said before."""
        _service(inputs, outputs.get("arn", "")).remove(Wanted.of({**inputs, "name": id}, context.owner))


class EcrRegistry(Effect):
    """The registry of an account in a region, which is always there: what of it is shared is declared."""

    replace_on = frozenset({"name", "region"})
    secret_outputs = frozenset[str]()
    outputs = frozenset({"address", "account", "rules", "caches"})

    def check(self, inputs: Values) -> list[Failure]:
        """All that can be told without asking ECR."""
        return list(rules.registry(inputs))

    def same(self, name: str, old: Any, new: Any) -> bool:
        """Rules are a set; a region that is not said is the one where it is."""
        if name == "region" and None in (old, new):
            return True
        if name == "replication":
            return sharing.same_replication(old, new)
        return bool((old or {}) == (new or {}))

    def changes(self, changed: frozenset[str]) -> frozenset[str]:
        """What of it is ours."""
        return _made(changed, "replication", "rules") | _made(changed, "pullThroughCache", "caches")

    def stale(self, inputs: Values, outputs: Values) -> str | None:  # noqa: ARG002 - the protocol's
        """Nothing of it ends by itself."""
        return None

    def create(self, name: str, inputs: Values, context: Context) -> Outcome:  # noqa: ARG002 - the protocol's
        """Adds what is declared to what is there."""
        return _shared(_service(inputs), inputs, {})

    def read(self, id: str, inputs: Values, outputs: Values, context: Context) -> Seen | None:  # noqa: A002, ARG002 - the protocol's
        """Looks at what is declared of it."""
        live = _service(inputs).registry(caches=bool(inputs.get("pullThroughCache")))
        return Seen({"name": id, **sharing.declared(live, inputs)}, outputs)

    def update(self, id: str, inputs: Values, outputs: Values, context: Context) -> Outcome:  # noqa: A002, ARG002 - the protocol's
        """Adds and removes what is ours."""
        return _shared(_service(inputs), inputs, outputs)

    def delete(self, id: str, inputs: Values, outputs: Values, context: Context) -> None:  # noqa: A002, ARG002 - the protocol's
        """Removes what is ours; the registry itself stays, with all repositories."""
        _shared(_service(inputs), {**inputs, "replication": [], "pullThroughCache": {}}, outputs)


_MEANT = {"policy": iam.same, "lifecyclePolicy": lifecycle.same}


def _made(changed: frozenset[str], declared: str, output: str) -> frozenset[str]:
    return frozenset({output} if declared in changed else ())


def _fitted(service: Service, live: Live, wanted: Wanted) -> Outcome:
    for write in repositories.writes(live, wanted):
        service.write(f"repository {wanted.name}", write)
    return Outcome(wanted.name, {"arn": live.arn, "uri": live.uri, "marked": True})


def _shared(service: Service, inputs: Values, outputs: Values) -> Outcome:
    """Makes what is shared of a registry fit; `outputs` tell what of it is ours."""
    caches, made = inputs.get("pullThroughCache", {}), outputs.get("caches", [])
    live = service.registry(caches=bool(caches or made))
    wanted = [sharing.rule(each, live.id) for each in inputs.get("replication", [])]
    if taken := sharing.foreign(live, made, caches):
        found = live.caches[taken[0]]["upstreamRegistryUrl"]
        raise RefusedError(
            f"{service.access.label}: pull-through cache {taken[0]}: found one of {found}; expected none, or one of "
            f"{caches[taken[0]]['upstream']}. Choose another prefix, or delete that rule."
        )
    for write in sharing.replication(live, outputs.get("rules", []), wanted):
        service.write("replication", write)
    for write in sharing.caches(live, made, caches):
        service.write(f"pull-through cache {write.arguments['ecrRepositoryPrefix']}", write)
    told = {
        "address": outputs.get("address") or service.login().address,
        "account": live.id,
        "rules": wanted,
        "caches": sorted(caches),
    }
    return Outcome(inputs["name"], told)


def _service(inputs: Values, name: str = "") -> Service:
    """The ECR of a repository, whose ARN names its region."""
    parts = name.split(":")
    region = parts[_REGION] if parts[0] == "arn" and len(parts) == _ARN_PARTS else inputs.get("region")
    return ecr_service.service(Access.current(region, inputs.get("endpoint")))
