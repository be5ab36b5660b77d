"""The component `Key`: a key in a KMS, found again by its alias."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NotRequired, TypedDict

import pulumi

from atoll.core.component import Component
from atoll.secrets import keys
from atoll.secrets.resources import KmsKey


class KeySpec(StrEnum):
    """What kind of key it is; what seals secrets is symmetric."""

    SYMMETRIC = keys.SYMMETRIC
    RSA_2048 = "RSA_2048"
    RSA_3072 = "RSA_3072"
    RSA_4096 = "RSA_4096"
    ECC_NIST_P256 = "ECC_NIST_P256"
    ECC_NIST_P384 = "ECC_NIST_P384"
    ECC_NIST_P521 = "ECC_NIST_P521"
    HMAC_224 = "HMAC_224"
    HMAC_256 = "HMAC_256"
    HMAC_384 = "HMAC_384"
    HMAC_512 = "HMAC_512"


class Grant(TypedDict):
    """What somebody may do with a key, beside its policy."""

    grantee: pulumi.Input[str]
    """The ARN of who gets it."""
    operations: list[str]
    """What is allowed: Decrypt, Encrypt, GenerateDataKey and the like."""
    retiring: NotRequired[pulumi.Input[str]]
    """The ARN of who may give it back."""
    encryption_context_equals: NotRequired[Mapping[str, str]]
    """It holds for this encryption context alone."""
    encryption_context_subset: NotRequired[Mapping[str, str]]
    """It holds for encryption contexts with these entries."""


class KeyArgs(TypedDict):
    """The inputs of a `Key`."""

    alias: str
    """Its name in the KMS, without `alias/`: the key is found again by it."""
    description: NotRequired[str]
    """What it is for."""
    enabled: NotRequired[bool]
    """Whether it can be used; true unless given."""
    rotation_days: NotRequired[int]
    """After how many days the KMS makes new key material, 90 to 2560; never unless given."""
    policy: NotRequired[pulumi.Input[Any]]
    """Who may do what, as a map or JSON; the KMS's default unless given, by which its account decides."""
    grants: NotRequired[Mapping[str, Grant]]
    """{name: grant}."""
    tags: NotRequired[Mapping[str, str]]
    """Tags beside those that Atoll sets."""
    deletion_days: NotRequired[int]
    """How long the KMS keeps a key that was deleted, 7 to 30 days; 30 unless given."""
    spec: NotRequired[KeySpec]
    """What kind of key; symmetric unless given. Another kind is another key."""
    multi_region: NotRequired[bool]
    """Whether it can have replicas in other regions. A key that can is another key than one that cannot."""
    region: NotRequired[str]
    """Where it is; the engine's AWS_REGION unless given."""
    endpoint: NotRequired[str]
    """The address of a KMS that is not Amazon's; the engine's AWS_ENDPOINT_URL_KMS unless given."""
    protect: NotRequired[bool]
    """Whether the engine refuses to delete it."""
    retain: NotRequired[bool]
    """Whether the key stays in the KMS when its resource goes. What is deleted for good takes every secret along."""
    import_id: NotRequired[str]
    """The id, ARN or alias (`alias/...`) of a key that exists and is taken over, declared as it is."""


class Key(Component):
    """A key. What it encrypts is lost with it, so that a deleted one waits and can be taken up again."""

    arn: pulumi.Output[str]
    """The full name of the key."""
    key_id: pulumi.Output[str]
    """Its id."""
    retiring: pulumi.Output[list[str]]
    """The ARNs of the keys before it, while a rotation moves away what they sealed."""

    def __init__(self, name: str, args: KeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, opts)
        self.alias = args["alias"]
        options = self.options(
            protect=args.get("protect") or None,
            retain_on_delete=args.get("retain") or None,
            import_=args.get("import_id"),
        )
        self.gate = made = KmsKey(self.child("kms"), _inputs(args), options)
        self.arn, self.key_id, self.retiring = made.arn, made.keyId, made.retiring
        self.ready = made.arn
        self.register_outputs({"arn": self.arn, "keyId": self.key_id})


_GIVEN = {"rotation_days": "rotationDays", "policy": "policy", "region": "region", "endpoint": "endpoint"}
"""What is left out where it is not given."""


def _inputs(args: KeyArgs) -> dict[str, Any]:
    given: Mapping[str, Any] = args
    return {
        "alias": args["alias"],
        "description": args.get("description", ""),
        "enabled": args.get("enabled", True),
        "grants": {name: _grant(each) for name, each in args.get("grants", {}).items()},
        "tags": dict(args.get("tags", {})),
        "deletionDays": args.get("deletion_days", keys.Wanted.window),
        "spec": str(args.get("spec", KeySpec.SYMMETRIC)),
        "multiRegion": args.get("multi_region", False),
        **{ours: given[name] for name, ours in _GIVEN.items() if given.get(name) is not None},
    }


_CONTEXTS = {
    "encryption_context_equals": "encryptionContextEquals",
    "encryption_context_subset": "encryptionContextSubset",
}


def _grant(grant: Grant) -> dict[str, Any]:
    given: Mapping[str, Any] = grant
    found: dict[str, Any] = {"grantee": grant["grantee"], "operations": sorted(grant["operations"])}
    if grant.get("retiring"):
        found["retiring"] = grant["retiring"]
    return found | {ours: dict(given[name]) for name, ours in _CONTEXTS.items() if given.get(name)}
