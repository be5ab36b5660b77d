"""What a repository of ECR should be, what it is, and the writes between the two. Pure.

Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from atoll.core import iam, tags
from atoll.core.effect import Values
from atoll.core.writes import Write
from atoll.registry import lifecycle

MUTABLE, IMMUTABLE = "MUTABLE", "IMMUTABLE"
MUTABILITIES = (IMMUTABLE, MUTABLE)
_EXCEPT = "_WITH_EXCLUSION"
AES, KMS = "AES256", "KMS"
ENCRYPTIONS = (AES, KMS, "KMS_DSSE")


@dataclass(frozen=True)
class Wanted:
    """A declared repository. `exclusions` are wildcards of tags that are the opposite of `mutability`."""

    name: str
    owner: str
    mutability: str = IMMUTABLE
    exclusions: tuple[str, ...] = ()
    scan_on_push: bool = True
    encryption: Mapping[str, str] = field(default_factory=lambda: {"type": AES})
    lifecycle_policy: Any = None
    policy: Any = None
    tags: Mapping[str, str] = field(default_factory=dict)
    force_delete: bool = False

    @classmethod
    def of(cls, inputs: Values, owner: str) -> "Wanted":
        """What the inputs of a resource declare."""
        return cls(
            name=inputs["name"],
            owner=owner,
            mutability=inputs.get("tagMutability", IMMUTABLE),
            exclusions=tuple(inputs.get("exclusions", ())),
            scan_on_push=inputs.get("scanOnPush", True),
            encryption=inputs.get("encryption", {"type": AES}),
            lifecycle_policy=inputs.get("lifecyclePolicy"),
            policy=inputs.get("policy"),
            tags=inputs.get("tags", {}),
            force_delete=inputs.get("forceDelete", False),
        )

    @property
    def marks(self) -> dict[str, str]:
        """The tags by which the repository is ours."""
        return {tags.OWNER: self.owner}


@dataclass(frozen=True)
class Live:
    """A repository as ECR has it: `description` is in its own words, policies are JSON, empty where there is none."""

    description: Mapping[str, Any]
    policy: str = ""
    lifecycle_policy: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name in its registry."""
        return str(self.description["repositoryName"])

    @property
    def arn(self) -> str:
        """Its full name."""
        return str(self.description["repositoryArn"])

    @property
    def uri(self) -> str:
        """What images in it are called by, without tag and digest."""
        return str(self.description["repositoryUri"])

    @property
    def mutability(self) -> str:
        """What holds for tags that no exclusion names."""
        return str(self.description.get("imageTagMutability", MUTABLE)).removesuffix(_EXCEPT)

    @property
    def exclusions(self) -> tuple[str, ...]:
        """The wildcards of tags for which the opposite holds."""
        found = self.description.get("imageTagMutabilityExclusionFilters") or ()
        return tuple(each["filter"] for each in found)

    @property
    def scan_on_push(self) -> bool:
        """Whether images are scanned as they come."""
        return bool((self.description.get("imageScanningConfiguration") or {}).get("scanOnPush"))

    @property
    def encryption(self) -> dict[str, str]:
        """What encrypts its images: `type`, and the ARN of a `key` where KMS does."""
        found = self.description.get("encryptionConfiguration") or {}
        key = {"key": found["kmsKey"]} if found.get("kmsKey") else {}
        return {"type": found.get("encryptionType", AES), **key}

    def is_marked(self, wanted: Wanted) -> bool:
        """Whether it carries the marks of what is wanted."""
        return wanted.marks.items() <= self.tags.items()


def same_encryption(old: Any, new: Any) -> bool:
    """Whether two settings mean the same: where no key is named, ECR takes one of its own, and tells that."""
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return bool(old == new)
    keys = {each.get("key") for each in (old, new)}
    return old.get("type") == new.get("type") and (None in keys or len(keys) == 1)


def declared(live: Live, inputs: Values) -> Values:
    """A live repository as inputs: where it means what `inputs` say it is in their words; drift is what differs."""
    found: Values = {key: inputs[key] for key in ("forceDelete", "region", "endpoint") if key in inputs}
    encryption = inputs.get("encryption")
    found |= {
        "name": live.name,
        "tagMutability": live.mutability,
        "exclusions": _ordered(live.exclusions, inputs.get("exclusions", ())),
        "scanOnPush": live.scan_on_push,
        "encryption": encryption if same_encryption(encryption, live.encryption) else live.encryption,
        "tags": tags.own(live.tags),
    }
    for name, text, same in (
        ("policy", live.policy, iam.same),
        ("lifecyclePolicy", live.lifecycle_policy, lifecycle.same),
    ):
        if text:
            ours = inputs.get(name)
            found[name] = ours if ours is not None and same(ours, text) else text
    return found


def _ordered(live: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """The same set in the order that was wanted."""
    return list(wanted) if set(live) == set(wanted) else sorted(live)


def creation(wanted: Wanted) -> Write:
    """What makes a repository. The marks are in it from the first moment."""
    arguments: Values = {
        "repositoryName": wanted.name,
        "imageScanningConfiguration": {"scanOnPush": wanted.scan_on_push},
        "encryptionConfiguration": _encryption(wanted.encryption),
        "tags": tag_list({**wanted.tags, **wanted.marks}),
        **_mutability(wanted),
    }
    return Write("create_repository", arguments)


def writes(live: Live, wanted: Wanted) -> Iterator[Write]:
    """What makes a repository fit; none where it does."""
    name = {"repositoryName": live.name}
    yield from _tags(live, wanted)
    if (live.mutability, set(live.exclusions)) != (wanted.mutability, set(wanted.exclusions)):
        yield Write("put_image_tag_mutability", {**name, **_mutability(wanted)})
    if live.scan_on_push != wanted.scan_on_push:
        scanning = {"scanOnPush": wanted.scan_on_push}
        yield Write("put_image_scanning_configuration", {**name, "imageScanningConfiguration": scanning})
    if wanted.lifecycle_policy is None:
        if live.lifecycle_policy:
            yield Write("delete_lifecycle_policy", name)
    elif not lifecycle.same(live.lifecycle_policy, wanted.lifecycle_policy):
        text = lifecycle.text(wanted.lifecycle_policy)
        yield Write("put_lifecycle_policy", {**name, "lifecyclePolicyText": text})
    if wanted.policy is None:
        if live.policy:
            yield Write("delete_repository_policy", name)
    elif not iam.same(live.policy, wanted.policy):
        yield Write("set_repository_policy", {**name, "policyText": iam.text(wanted.policy)})


def _tags(live: Live, wanted: Wanted) -> Iterator[Write]:
    all_wanted = {**wanted.tags, **wanted.marks}
    missing = {key: value for key, value in all_wanted.items() if live.tags.get(key) != value}
    if missing:
        yield Write("tag_resource", {"resourceArn": live.arn, "tags": tag_list(missing)})
    if surplus := sorted(tags.own(live.tags).keys() - wanted.tags.keys()):
        yield Write("untag_resource", {"resourceArn": live.arn, "tagKeys": surplus})


def _mutability(wanted: Wanted) -> Values:
    if not wanted.exclusions:
        return {"imageTagMutability": wanted.mutability}
    filters = [{"filterType": "WILDCARD", "filter": each} for each in wanted.exclusions]
    return {
        "imageTagMutability": wanted.mutability + _EXCEPT,
        "imageTagMutabilityExclusionFilters": filters,
    }


def _encryption(wanted: Mapping[str, str]) -> Values:
    key = {"kmsKey": wanted["key"]} if wanted.get("key") else {}
    return {"encryptionType": wanted.get("type", AES), **key}


def tag_list(found: Mapping[str, str]) -> list[Values]:
    """Tags in the words of ECR."""
    return [{"Key": key, "Value": value} for key, value in sorted(found.items())]


def tags_of(listed: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Tags from the words of ECR."""
    return {each["Key"]: each["Value"] for each in listed}
