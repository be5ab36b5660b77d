"""What a whole registry of ECR shares with others: replication, and caches of upstream registries. Pure.

An account has one registry in a region, whoever declares parts of it, and neither a rule of replication nor one of a
cache can carry a mark. Rules that others made are theirs, and stay as they are.

Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html and pull-through-cache.html there
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from atoll.core.effect import Values
from atoll.core.writes import Write

Rule = Mapping[str, Any]
"""A rule in the words of ECR."""


@dataclass(frozen=True)
class Live:
    """A registry as ECR has it: its account's number, its rules of replication, its caches by prefix."""

    id: str
    rules: tuple[Rule, ...] = ()
    caches: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def rule(declared: Values, own: str) -> Rule:
    """A declared rule in the words of ECR: without an account the registry's own is meant."""
    destinations = [
        {"region": each["region"], "registryId": each.get("account") or own}
        for each in declared["destinations"]
    ]
    prefixes = declared.get("prefixes") or []
    filters = [{"filter": each, "filterType": "PREFIX_MATCH"} for each in prefixes]
    return {"destinations": destinations, **({"repositoryFilters": filters} if filters else {})}


def declared(live: Live, inputs: Values) -> Values:
    """A live registry as inputs: those of the declared rules that are there, and the caches of declared prefixes."""
    known = {_key(each) for each in live.rules}
    rules = [each for each in inputs.get("replication", []) if _key(rule(each, live.id)) in known]
    caches = live.caches
    found: Values = {key: inputs[key] for key in ("name", "region", "endpoint") if key in inputs}
    found["replication"] = rules
    found["pullThroughCache"] = {
        prefix: _cache(caches[prefix]) for prefix in inputs.get("pullThroughCache", {}) if prefix in caches
    }
    return found


def _cache(live: Mapping[str, Any]) -> Values:
    credential = {"credential": live["credentialArn"]} if live.get("credentialArn") else {}
    return {"upstream": live["upstreamRegistryUrl"], **credential}


def same_replication(old: Any, new: Any) -> bool:
    """Whether two lists of rules are the same set."""
    return {_key(rule(each, "")) for each in old or []} == {_key(rule(each, "")) for each in new or []}


def replication(live: Live, written: Iterable[Rule], wanted: Iterable[Rule]) -> Iterator[Write]:
    """What makes the rules those of others and the wanted ones; `written` are ours of before."""
    ours, wanted = {_key(each) for each in written}, list(wanted)
    asked = {_key(each) for each in wanted}
    kept = [each for each in live.rules if _key(each) in asked or _key(each) not in ours]
    known = {_key(each) for each in kept}
    rules = [*kept, *(each for each in wanted if _key(each) not in known)]
    if [_key(each) for each in rules] != [_key(each) for each in live.rules]:
        yield Write("put_replication_configuration", {"replicationConfiguration": {"rules": rules}})


def caches(live: Live, made: Iterable[str], wanted: Mapping[str, Values]) -> Iterator[Write]:
    """What makes the caches those of others and the wanted ones; `made` are the prefixes of ours of before."""
    there, ours = live.caches, set(made)
    for prefix in sorted(ours & there.keys() - wanted.keys()):
        yield Write("delete_pull_through_cache_rule", {"ecrRepositoryPrefix": prefix})
    for prefix, cache in wanted.items():
        key = {"ecrRepositoryPrefix": prefix}
        credential = {"credentialArn": cache["credential"]} if cache.get("credential") else {}
        found = there.get(prefix)
        if found and (
            _cache(found)["upstream"] != cache["upstream"] or (_cache(found) != cache and not credential)
        ):
            # No call changes an upstream, or takes a credential away. What is cached stays.
            yield Write("delete_pull_through_cache_rule", key)
            found = None
        if found is None:
            making = {**key, "upstreamRegistryUrl": cache["upstream"], **credential}
            yield Write("create_pull_through_cache_rule", making)
        elif _cache(found) != cache:
            yield Write("update_pull_through_cache_rule", {**key, **credential})


def foreign(live: Live, made: Iterable[str], wanted: Mapping[str, Values]) -> list[str]:
    """The wanted prefixes at which others cache another upstream."""
    there, ours = live.caches, set(made)
    return sorted(
        prefix
        for prefix, cache in wanted.items()
        if prefix in there and prefix not in ours and _cache(there[prefix])["upstream"] != cache["upstream"]
    )


def _key(found: Rule) -> str:
    """What tells a rule from others, in whatever order its parts are."""
    parts = {
        name: sorted((json.dumps(each, sort_keys=True) for each in part), key=str)
        if isinstance(part, list)
        else part
        for name, part in found.items()
    }
    return json.dumps(parts, sort_keys=True)
