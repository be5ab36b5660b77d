"""Grants of a key: those of the inventory beside those that a KMS has. Pure.

A grant cannot be changed: another is made and the old one goes.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from atoll.core.effect import Values
from atoll.core.writes import Write

_PREFIX = "atoll/"
"""How the names of ours begin: those that services of the cloud make for themselves are theirs."""
_CONSTRAINTS = {
    "encryptionContextEquals": "EncryptionContextEquals",
    "encryptionContextSubset": "EncryptionContextSubset",
}
OPERATIONS = frozenset(
    {
        "CreateGrant",
        "Decrypt",
        "DeriveSharedSecret",
        "DescribeKey",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "GetPublicKey",
        "ReEncryptFrom",
        "ReEncryptTo",
        "RetireGrant",
        "Sign",
        "Verify",
        "VerifyMac",
    }
)
"""What a grant can allow. Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateGrant.html"""

Raw = Mapping[str, Any]
"""A grant in the KMS's own words."""


def declared(live: Iterable[Raw], known: Mapping[str, Values]) -> Values:
    """Our grants as inputs, in the words of those known ones that mean the same."""
    found: Values = {}
    for grant in _ours(live):
        name, read = _name(grant), _read(grant)
        is_known = _meaning(read) == _meaning(known.get(name, {}))
        # Of two with one name, the one that was not declared is what should be seen.
        if name not in found or not is_known:
            found[name] = known[name] if is_known else read
    return found


def writes(key: str, live: Iterable[Raw], wanted: Mapping[str, Values]) -> Iterator[Write]:
    """What makes the grants of a key fit: the new ones first, so that nobody is without in between."""
    ours = _ours(live)
    kept: dict[str, Raw] = {}
    for grant in ours:
        name = _name(grant)
        if name not in kept and _meaning(wanted.get(name, {})) == _meaning(_read(grant)):
            kept[name] = grant
    for name, grant in sorted(wanted.items()):
        if name not in kept:
            yield Write("create_grant", {"KeyId": key, "Name": _PREFIX + name, **_written(grant)})
    for raw in ours:
        if raw not in kept.values():
            yield Write("revoke_grant", {"KeyId": key, "GrantId": raw["GrantId"]})


def same(one: Mapping[str, Values], other: Mapping[str, Values]) -> bool:
    """Whether two sets of grants mean the same: the order of operations says nothing."""
    return {name: _meaning(grant) for name, grant in one.items()} == {
        name: _meaning(grant) for name, grant in other.items()
    }


def _ours(live: Iterable[Raw]) -> list[Raw]:
    return [grant for grant in live if str(grant.get("Name") or "").startswith(_PREFIX)]


def _name(grant: Raw) -> str:
    return str(grant["Name"]).removeprefix(_PREFIX)


def _read(grant: Raw) -> Values:
    """A grant of the KMS as an input."""
    constraints = grant.get("Constraints") or {}
    found: Values = {"grantee": grant["GranteePrincipal"], "operations": sorted(grant["Operations"])}
    if grant.get("RetiringPrincipal"):
        found["retiring"] = grant["RetiringPrincipal"]
    given = {ours: theirs for ours, theirs in _CONSTRAINTS.items() if constraints.get(theirs)}
    return found | {ours: dict(constraints[theirs]) for ours, theirs in given.items()}


def _written(grant: Values) -> Values:
    """A grant as arguments of the KMS."""
    found: Values = {"GranteePrincipal": grant["grantee"], "Operations": sorted(grant["operations"])}
    if grant.get("retiring"):
        found["RetiringPrincipal"] = grant["retiring"]
    constraints = {theirs: grant[ours] for ours, theirs in _CONSTRAINTS.items() if grant.get(ours)}
    return found | ({"Constraints": constraints} if constraints else {})


def _meaning(grant: Values) -> Values:
    return {
        key: sorted(set(value)) if key == "operations" else value for key, value in grant.items() if value
    }
