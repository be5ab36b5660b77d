"""What a key should be, what it is, and the writes between the two. Pure.

Source: https://docs.aws.amazon.com/kms/latest/APIReference, and for what a disabled key still takes
https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from atoll.core import iam, tags
from atoll.core.effect import Values
from atoll.core.writes import Write
from atoll.secrets import grants, policies

ALIAS = "atoll.dev/alias"
"""The tag that says what a key is for. A key has both from its first moment, so that one is found again whose making
was killed before it had an alias."""
MARKS = frozenset({tags.OWNER, ALIAS})
STATE = "atoll.dev/state"
"""The tag that says where in its life a key is whose name has had several; a key without it is the only one."""
GENERATION = "atoll.dev/generation"
"""The tag that counts the keys of a name; one without it is the first."""
RETIRING = "atoll.dev/retiring"
"""The tag that names (ARNs, between them spaces) the keys before this one that still have to open something."""
PLACE = frozenset({STATE, GENERATION, RETIRING})
"""The tags that a rotation sets."""

SYMMETRIC = "SYMMETRIC_DEFAULT"
USAGES = {
    SYMMETRIC: "ENCRYPT_DECRYPT",
    "RSA_2048": "ENCRYPT_DECRYPT",
    "RSA_3072": "ENCRYPT_DECRYPT",
    "RSA_4096": "ENCRYPT_DECRYPT",
    "ECC_NIST_P256": "SIGN_VERIFY",
    "ECC_NIST_P384": "SIGN_VERIFY",
    "ECC_NIST_P521": "SIGN_VERIFY",
    "HMAC_224": "GENERATE_VERIFY_MAC",
    "HMAC_256": "GENERATE_VERIFY_MAC",
    "HMAC_384": "GENERATE_VERIFY_MAC",
    "HMAC_512": "GENERATE_VERIFY_MAC",
}
"""What each kind of key is made for; envelopes and the state take a symmetric one."""

PREFIX = "alias/"
_PENDING = frozenset({"PendingDeletion", "PendingReplicaDeletion"})


@dataclass(frozen=True)
class Wanted:
    """A declared key; `grants` are {name: grant}, `rotation` and `window` are days, no rotation is None."""

    alias: str
    owner: str
    description: str = ""
    enabled: bool = True
    rotation: int | None = None
    policy: Any = None
    grants: Mapping[str, Values] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    window: int = 30
    spec: str = SYMMETRIC
    multi_region: bool = False
    place: Mapping[str, str] = field(default_factory=dict)
    """Tags that it is made with, beside its own and the marks."""

    @classmethod
    def of(cls, inputs: Values, owner: str) -> "Wanted":
        """What the inputs of a resource declare."""
        return cls(
            alias=inputs["alias"],
            owner=owner,
            description=inputs.get("description", ""),
            enabled=inputs.get("enabled", True),
            rotation=inputs.get("rotationDays"),
            policy=inputs.get("policy"),
            grants=inputs.get("grants", {}),
            tags=inputs.get("tags", {}),
            window=inputs.get("deletionDays", cls.window),
            spec=inputs.get("spec", SYMMETRIC),
            multi_region=inputs.get("multiRegion", False),
        )

    @property
    def marks(self) -> dict[str, str]:
        """The tags by which the key is ours."""
        return {tags.OWNER: self.owner, ALIAS: self.alias}


@dataclass(frozen=True)
class Live:
    """A key as the KMS has it.

    `metadata`, `grants` are in the KMS's own words, `aliases` are without their prefix. `rotation` is None where it
    is off and 0 where it is on and the KMS does not tell the days.
    """

    metadata: Mapping[str, Any]
    aliases: tuple[str, ...] = ()
    policy: str = ""
    rotation: int | None = None
    grants: tuple[Mapping[str, Any], ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Its id; it never changes."""
        return str(self.metadata["KeyId"])

    @property
    def arn(self) -> str:
        """Its full name."""
        return str(self.metadata["Arn"])

    @property
    def enabled(self) -> bool:
        """Whether it can be used."""
        return self.metadata.get("KeyState") == "Enabled"

    @property
    def deletion(self) -> str:
        """The day on which it will be deleted, or nothing."""
        if self.metadata.get("KeyState") not in _PENDING:
            return ""
        date = self.metadata.get("DeletionDate")
        return date.date().isoformat() if date else "a day that is not known yet"

    @property
    def spec(self) -> str:
        """What kind of key it is."""
        return str(self.metadata.get("KeySpec") or SYMMETRIC)

    @property
    def own_tags(self) -> dict[str, str]:
        """Its tags without those that the cloud or Atoll sets itself."""
        return tags.own(self.tags)

    @property
    def generation(self) -> int:
        """Which of the keys of its name it is, from 1."""
        told = self.tags.get(GENERATION, "")
        return int(told) if told.isdecimal() else 1

    @property
    def retiring(self) -> list[str]:
        """The ARNs of the keys before it that still have to open something."""
        return retiring(self.tags)

    def fits(self, wanted: Wanted) -> bool:
        """Whether it is of the kind that is wanted: nothing can make it another."""
        return self.spec == wanted.spec and bool(self.metadata.get("MultiRegion")) == wanted.multi_region

    def is_marked(self, wanted: Wanted) -> bool:
        """Whether it carries the marks of what is wanted."""
        return wanted.marks.items() <= self.tags.items()


def best(found: Iterable[Live]) -> Live | None:
    """The one to go on with among several that were begun: a usable one first, then the newest."""
    ranked = sorted(
        found, key=lambda key: (not key.deletion, key.enabled, str(key.metadata.get("CreationDate")), key.id)
    )
    return ranked[-1] if ranked else None


def declared(live: Live, inputs: Values) -> Values:
    """A live key as inputs: where it means what `inputs` say it is said in their words; drift is what differs."""
    found: Values = {key: inputs[key] for key in ("deletionDays", "endpoint") if key in inputs}
    if "region" in inputs:
        found["region"] = live.arn.split(":")[3]
    alias, policy = inputs.get("alias", ""), inputs.get("policy")
    found |= {
        "alias": alias if alias in live.aliases else next(iter(live.aliases), ""),
        "description": live.metadata.get("Description", ""),
        "enabled": live.enabled,
        "grants": grants.declared(live.grants, inputs.get("grants", {})),
        "tags": live.own_tags,
        "spec": live.spec,
        "multiRegion": bool(live.metadata.get("MultiRegion")),
    }
    if live.rotation is not None:
        found["rotationDays"] = live.rotation or inputs.get("rotationDays") or _YEAR
    if not iam.same(live.policy, policies.default(live.arn) if policy is None else policy):
        found["policy"] = live.policy
    elif policy is not None:
        found["policy"] = policy
    return found


_YEAR = 365
"""What KMS takes where it is not told how often to rotate."""


def creation(wanted: Wanted) -> Write:
    """What makes a key. The marks are in it from the first moment, and no alias is: it is given next."""
    arguments: Values = {
        "KeySpec": wanted.spec,
        "KeyUsage": USAGES[wanted.spec],
        "Description": wanted.description,
        "MultiRegion": wanted.multi_region,
        "Tags": tag_list({**wanted.tags, **wanted.marks, **wanted.place}),
    }
    if wanted.policy is not None:
        arguments["Policy"] = iam.text(wanted.policy)
    return Write("create_key", arguments)


def writes(live: Live, wanted: Wanted) -> Iterator[Write]:
    """What makes a live key fit, in the order in which a KMS takes it: a disabled key takes little.

    The alias comes before everything that may be refused, so that the key is found by it from then on; the mark that
    names the former alias goes after that alias did.
    """
    key = {"KeyId": live.id}
    if live.deletion:
        yield Write("cancel_key_deletion", key)
    if not live.enabled and (wanted.enabled or live.deletion):
        yield Write("enable_key", key)
    yield from _aliases(live, wanted)
    yield from _tags(live, wanted)
    if live.metadata.get("Description", "") != wanted.description:
        yield Write("update_key_description", {**key, "Description": wanted.description})
    yield from _rotation(live, wanted)
    yield from grants.writes(live.id, live.grants, wanted.grants)
    policy = policies.default(live.arn) if wanted.policy is None else wanted.policy
    if not iam.same(live.policy, policy):
        yield Write("put_key_policy", {**key, "PolicyName": "default", "Policy": iam.text(policy)})
    if not wanted.enabled and (live.enabled or live.deletion):
        yield Write("disable_key", key)


def farewell(live: Live, alias: str, window: int) -> Iterator[Write]:
    """What deletes a key: the alias goes at once, so that nobody finds it any more, the key after the window."""
    if alias in live.aliases:
        yield Write("delete_alias", {"AliasName": PREFIX + alias})
    if not live.deletion:
        yield Write("schedule_key_deletion", {"KeyId": live.id, "PendingWindowInDays": window})


def _tags(live: Live, wanted: Wanted) -> Iterator[Write]:
    all_wanted = {**wanted.tags, **wanted.marks}
    missing = {key: value for key, value in all_wanted.items() if live.tags.get(key) != value}
    if missing:
        yield Write("tag_resource", {"KeyId": live.id, "Tags": tag_list(missing)})
    if surplus := sorted(live.own_tags.keys() - wanted.tags.keys()):
        yield Write("untag_resource", {"KeyId": live.id, "TagKeys": surplus})


def _aliases(live: Live, wanted: Wanted) -> Iterator[Write]:
    former = live.tags.get(ALIAS) if live.tags.get(tags.OWNER) == wanted.owner else None
    if wanted.alias not in live.aliases:
        yield Write("create_alias", {"AliasName": PREFIX + wanted.alias, "TargetKeyId": live.id})
    if former != wanted.alias and former in live.aliases:
        yield Write("delete_alias", {"AliasName": PREFIX + former})


def _rotation(live: Live, wanted: Wanted) -> Iterator[Write]:
    key = {"KeyId": live.id}
    if wanted.rotation is None and live.rotation is not None:
        yield Write("disable_key_rotation", key)
    elif wanted.rotation is not None and live.rotation != wanted.rotation:
        # A KMS that does not tell the days is told them: they may be others.
        yield Write("enable_key_rotation", {**key, "RotationPeriodInDays": wanted.rotation})


def retiring(tags: Mapping[str, str]) -> list[str]:
    """The ARNs that a key's tags name as those before it."""
    return tags.get(RETIRING, "").split()


def tag_list(tags: Mapping[str, str]) -> list[Values]:
    """Tags in the words of the KMS."""
    return [{"TagKey": key, "TagValue": value} for key, value in sorted(tags.items())]


def tags_of(listed: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Tags from the words of the KMS."""
    return {each["TagKey"]: each["TagValue"] for each in listed}
