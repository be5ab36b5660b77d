"""What an input of a registry or repository may hold. Pure.

Source: the model of ECR's API, and https://github.com/distribution/distribution/blob/main/registry/api/v2
for the names of repositories.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from atoll.core import iam, tags
from atoll.core.effect import Failure, Values
from atoll.registry import lifecycle, repositories

MOST_POLICY = 10240
MOST_EXCLUSIONS = 5
MOST_TAGS = tags.MOST - 1
"""Beside the mark."""
MOST_RULES, MOST_DESTINATIONS, MOST_PREFIXES = 25, 100, 100
_NAME = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
_NAME_LENGTH = (2, 256)
_PREFIX = re.compile(rf"({_NAME.pattern})/?|ROOT")
_PREFIX_LENGTH = (2, 30)
_BEGINNING = re.compile(r"(?:[a-z0-9]+(?:[._-][a-z0-9]*)*/)*[a-z0-9]*(?:[._-][a-z0-9]*)*")
_FILTER = re.compile(r"[0-9a-zA-Z._*-]{1,128}")
_MOST_WILDCARDS = 2
_KEY = re.compile(r"arn:aws[\w-]*:kms:[\w-]+:\d{12}:(key|alias)/\S+")
_SECRET = re.compile(r"arn:aws[\w-]*:secretsmanager:[\w-]+:\d{12}:secret:ecr-pullthroughcache/\S+")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_ACCOUNT = re.compile(r"\d{12}")
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_WITH_LOGIN = ("registry-1.docker.io", "ghcr.io", "registry.gitlab.com", ".azurecr.io")
"""Upstreams that ECR asks with a login."""


def repository(inputs: Values) -> Iterator[Failure]:
    """The inputs of a repository that do not fit; those that are not there are not known yet or not given."""
    yield from _found(_REPOSITORY, inputs)


def registry(inputs: Values) -> Iterator[Failure]:
    """The inputs of a registry that do not fit."""
    yield from _found(_REGISTRY, inputs)


def name(value: Any) -> str | None:
    """What keeps a text from being the name of a repository, or None."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        return f"found {value!r}; expected a repository's name: a-z 0-9 between . _ - and /"
    shortest, longest = _NAME_LENGTH
    if not shortest <= len(value) <= longest:
        return f"found {len(value)} characters; expected {shortest} to {longest}"
    return None


def users(value: Any) -> str | None:
    """What keeps a list from being the users of a registry, or None."""
    if not isinstance(value, (list, tuple)) or not value:
        return f"found {value!r}; expected at least one user"
    bad = next((each for each in value if not isinstance(each, str) or not _USER.fullmatch(each)), None)
    if bad is not None:
        return f"found {bad!r}; expected a user's name: A-Z a-z 0-9 . _ -, at most 63, beginning with a letter or digit"
    twice = next((each for each in value if value.count(each) > 1), None)
    return f"found {twice!r} twice; expected each user once" if twice else None


def exclusions(value: Any) -> str | None:
    """What keeps a list from being the exclusions of a repository's mutability, or None."""
    if not isinstance(value, (list, tuple)) or len(value) > MOST_EXCLUSIONS:
        return f"found {value!r}; expected a list of at most {MOST_EXCLUSIONS} wildcards"
    for each in value:
        if not isinstance(each, str) or not _FILTER.fullmatch(each) or each.count("*") > _MOST_WILDCARDS:
            return f"found {each!r}; expected a tag with at most {_MOST_WILDCARDS} stars: A-Z a-z 0-9 . _ -, at most 128"
    return None


def encryption(value: Any) -> str | None:
    """What keeps a map from being the encryption of a repository, or None."""
    if not isinstance(value, Mapping) or value.get("type") not in repositories.ENCRYPTIONS:
        return f"found {value!r}; expected one of: {', '.join(repositories.ENCRYPTIONS)}"
    key = value.get("key")
    if key is not None and value["type"] == repositories.AES:
        return f"found a key with {repositories.AES}; expected {repositories.KMS} with one"
    if key is not None and not _KEY.fullmatch(str(key)):
        return f"found the key {key!r}; expected its ARN (ECR tells keys by theirs)"
    return None


def replication(value: Any) -> str | None:
    """What keeps a list from being the rules of replication, or None."""
    if not isinstance(value, (list, tuple)) or len(value) > MOST_RULES:
        return f"expected a list of at most {MOST_RULES} rules"
    for number, rule in enumerate(value, start=1):
        if problem := _rule(rule):
            return f"rule {number}: {problem}"
    return None


def _rule(rule: Any) -> str | None:
    destinations = rule.get("destinations") if isinstance(rule, Mapping) else None
    if not isinstance(destinations, (list, tuple)) or not 1 <= len(destinations) <= MOST_DESTINATIONS:
        return f"found {len(destinations or ())} destinations; expected 1 to {MOST_DESTINATIONS}"
    for each in destinations:
        if not isinstance(each, Mapping) or not _REGION.fullmatch(str(each.get("region"))):
            return f"found {each!r}; expected a destination with a region"
        if each.get("account") is not None and not _ACCOUNT.fullmatch(str(each["account"])):
            return f"found the account {each['account']!r}; expected its 12 digits"
    prefixes = rule.get("prefixes") or ()
    if len(prefixes) > MOST_PREFIXES:
        return f"found {len(prefixes)} prefixes; expected at most {MOST_PREFIXES}"
    shortest, longest = _NAME_LENGTH
    for each in map(str, prefixes):
        if not _BEGINNING.fullmatch(each) or not shortest <= len(each) <= longest:
            return f"found the prefix {each!r}; expected {shortest} to {longest} characters of a repository's name"
    return None


def pull_through_cache(value: Any) -> str | None:
    """What keeps a map from being the caches of upstream registries by prefix, or None."""
    if not isinstance(value, Mapping):
        return f"found {value!r}; expected a map by prefix"
    shortest, longest = _PREFIX_LENGTH
    for prefix, cache in value.items():
        if not _PREFIX.fullmatch(str(prefix)) or not shortest <= len(str(prefix)) <= longest:
            return f"found the prefix {prefix!r}; expected {shortest} to {longest} of a-z 0-9 . _ - / or ROOT"
        upstream = cache.get("upstream") if isinstance(cache, Mapping) else None
        if not isinstance(upstream, str) or "://" in upstream or not upstream:
            return f"{prefix}: found the upstream {upstream!r}; expected the host of a registry, such as public.ecr.aws"
        credential = cache.get("credential")
        if credential is None and upstream.endswith(_WITH_LOGIN):
            return f"{prefix}: found no credential; expected one ({upstream} is asked with a login)"
        if credential is not None and not _SECRET.fullmatch(str(credential)):
            return f"{prefix}: found the credential {credential!r}; expected the ARN of a secret ecr-pullthroughcache/..."
    return None


def flag(value: Any) -> str | None:
    """What keeps a value from being true or false, or None."""
    return None if isinstance(value, bool) else f"found {value!r}; expected true or false"


def _mutability(value: Any) -> str | None:
    known = repositories.MUTABILITIES
    return None if value in known else f"found {value!r}; expected {' or '.join(known)}"


def _found(problems: Mapping[str, Callable[[Any], str | None]], inputs: Values) -> Iterator[Failure]:
    for key, problem in problems.items():
        if inputs.get(key) is not None and (reason := problem(inputs[key])):
            yield Failure(key, reason)


_REPOSITORY: dict[str, Callable[[Any], str | None]] = {
    "name": name,
    "tagMutability": _mutability,
    "exclusions": exclusions,
    "scanOnPush": flag,
    "encryption": encryption,
    "lifecyclePolicy": lifecycle.problem,
    "policy": lambda value: iam.problem(value, MOST_POLICY),
    "tags": lambda value: tags.problem(value, MOST_TAGS),
    "forceDelete": flag,
}
_REGISTRY: dict[str, Callable[[Any], str | None]] = {
    "users": users,
    "replication": replication,
    "pullThroughCache": pull_through_cache,
}
