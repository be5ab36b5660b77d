"""What the bucket of a state should be, what it is, and the writes between the two. Pure.

What somebody else set beside it (other tags, statements of the policy, rules of the lifecycle) stays as it is.
Source: https://docs.aws.amazon.com/AmazonS3/latest/API
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from atoll.core.writes import Write
from atoll.platform.inventory import State

MARK = "atoll.dev/environment"
"""The tag that says whose state a bucket holds."""
_POLICY = "policy"
_SID = "AtollOverTlsAlone"
_RULE = "atoll-old-versions"
_OLD_DAYS, _PARTS_DAYS = 90, 7
"""For how long an old version of a state is kept, and half an upload."""
_OWNED = "BucketOwnerEnforced"
"""Objects belong to the bucket's owner, whoever wrote them."""
_OWN_REGION = "us-east-1"
"""The one region that must not be named where a bucket is made."""

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Live:
    """A bucket as it is, each setting in S3's own words; None is one that was never made."""

    region: str
    empty: bool
    versioning: str | None = None
    encryption: Document | None = None
    public_access: Document | None = None
    ownership: str | None = None
    policy: Document | None = None
    lifecycle: tuple[Document, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


def url(state: State) -> str:
    """Where the engine finds it. An endpoint of one's own has no names of buckets in its host name.

    Source: gocloud.dev, aws/aws.go and blob/s3blob (what may stand behind the question mark).
    """
    words = {"region": state.region}
    if state.endpoint:
        words |= {"endpoint": state.endpoint, "use_path_style": "true"}
    return f"s3://{state.bucket}?{urlencode(words)}"


def creation(state: State) -> Write:
    """What makes a bucket."""
    arguments: dict[str, Any] = {"Bucket": state.bucket, "ObjectOwnership": _OWNED}
    if state.region != _OWN_REGION:
        arguments["CreateBucketConfiguration"] = {"LocationConstraint": state.region}
    return Write("create_bucket", arguments)


def foreign(live: Live, state: State, environment: str) -> str | None:
    """Why a bucket is not this environment's to change, or None: found and expected, as an error tells them.

    One that is empty and that nobody marked was begun by a run that was killed, or is given for this.
    """
    if live.region != state.region:
        return f"found it in {live.region}; expected {state.region}. Name its own region in the inventory"
    owner = live.tags.get(MARK)
    if owner is not None and owner != environment:
        return (
            f"found the state of environment {owner} in it; expected a bucket of its own. Choose another name"
        )
    if owner is None and not live.empty:
        return (
            f"found objects in it and no tag {MARK}; expected an empty one or one of environment {environment}. Choose "
            f"another name, or set that tag to {environment}"
        )
    return None


def writes(live: Live | None, state: State, environment: str, key: str) -> Iterator[tuple[str, Write]]:
    """What makes a bucket fit, each with what it is about. The mark is the first: by it the rest is found again."""
    found = live or Live(state.region, empty=True, ownership=_OWNED)
    settings = [
        _tags(found, environment),
        _public_access(found),
        _ownership(found),
        _versioning(found),
        _encryption(found, key),
        _policy(found, state.bucket, key.split(":")[1] if key.startswith("arn:") else "aws"),
        _lifecycle(found),
    ]
    for what, fits, call, arguments in settings:
        if what == _POLICY and (state.endpoint or "").startswith("http://"):
            # It would lock out everybody: at such an endpoint there is no other way in.
            continue
        if not fits:
            yield what, Write(call, {"Bucket": state.bucket, **arguments})


SETTINGS = ("mark", "public access", "ownership", "versioning", "encryption", _POLICY, "lifecycle")
"""What each write is about, in their order."""

_Setting = tuple[str, bool, str, dict[str, Any]]


def _tags(live: Live, environment: str) -> _Setting:
    wanted = {**live.tags, MARK: environment}
    listed = [{"Key": key, "Value": value} for key, value in sorted(wanted.items())]
    return "mark", live.tags == wanted, "put_bucket_tagging", {"Tagging": {"TagSet": listed}}


def _public_access(live: Live) -> _Setting:
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    wanted = dict.fromkeys(names, True)
    arguments = {"PublicAccessBlockConfiguration": wanted}
    return "public access", live.public_access == wanted, "put_public_access_block", arguments


def _ownership(live: Live) -> _Setting:
    arguments = {"OwnershipControls": {"Rules": [{"ObjectOwnership": _OWNED}]}}
    return "ownership", live.ownership == _OWNED, "put_bucket_ownership_controls", arguments


def _versioning(live: Live) -> _Setting:
    wanted = "Enabled"
    arguments = {"VersioningConfiguration": {"Status": wanted}}
    return "versioning", live.versioning == wanted, "put_bucket_versioning", arguments


def _encryption(live: Live, key: str) -> _Setting:
    """By the environment's key; with a bucket key KMS is asked seldom, not for each object."""
    by = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    wanted = {"ApplyServerSideEncryptionByDefault": by, "BucketKeyEnabled": True}
    found = live.encryption or {}
    fits = all(found.get(name) == value for name, value in wanted.items())
    arguments = {"ServerSideEncryptionConfiguration": {"Rules": [wanted]}}
    return "encryption", fits, "put_bucket_encryption", arguments


def _policy(live: Live, bucket: str, partition: str) -> _Setting:
    found = dict(live.policy or {"Version": "2012-10-17"})
    statements = found.get("Statement", [])
    listed = statements if isinstance(statements, list) else [statements]
    # China's and the government's regions are partitions of their own.
    arn = f"arn:{partition}:s3:::{bucket}"
    ours = {
        "Sid": _SID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    wanted = {**found, "Statement": [*(each for each in listed if each.get("Sid") != _SID), ours]}
    arguments = {"Policy": json.dumps(wanted, sort_keys=True)}
    return _POLICY, ours in listed, "put_bucket_policy", arguments


def _lifecycle(live: Live) -> _Setting:
    """The newest version of a state never ends; old ones do."""
    ours: dict[str, Any] = {
        "ID": _RULE,
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "NoncurrentVersionExpiration": {"NoncurrentDays": _OLD_DAYS},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _PARTS_DAYS},
    }
    others = [each for each in live.lifecycle if each.get("ID") != _RULE]
    arguments = {"LifecycleConfiguration": {"Rules": [*others, ours]}}
    return "lifecycle", ours in live.lifecycle, "put_bucket_lifecycle_configuration", arguments
