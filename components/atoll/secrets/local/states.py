"""What the API of a KMS has, and which state of a key lets which call through. Pure.

Source: https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html (the table of operations); of the API
only what a symmetric key of one region needs is served.
"""

from collections.abc import Mapping
from typing import Any

ENABLED, DISABLED, PENDING = "Enabled", "Disabled", "PendingDeletion"

_USES = {
    *("Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"),
    *("CreateGrant", "EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand"),
}
"""What needs a key that is enabled."""
_ALTERS = {
    *("CreateAlias", "UpdateAlias", "DisableKey", "EnableKey", "ScheduleKeyDeletion"),
    *("TagResource", "UntagResource", "UpdateKeyDescription"),
}
"""What needs a key that does not wait for its end."""
READS = frozenset(
    {
        *("Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"),
        *("DescribeKey", "ListKeys", "ListAliases", "ListResourceTags", "ListGrants", "ListRetirableGrants"),
        *("GetKeyPolicy", "ListKeyPolicies", "GetKeyRotationStatus", "ListKeyRotations", "GenerateRandom"),
    }
)
CHANGES = frozenset(
    {
        *("CreateKey", "UpdateKeyDescription", "PutKeyPolicy", "TagResource", "UntagResource"),
        *("CreateAlias", "UpdateAlias", "DeleteAlias", "CreateGrant", "RetireGrant", "RevokeGrant"),
        *("EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand", "EnableKey", "DisableKey"),
        *("ScheduleKeyDeletion", "CancelKeyDeletion"),
    }
)
OPERATIONS = READS | CHANGES
ONLY = {
    "KeySpec": "SYMMETRIC_DEFAULT",
    "KeyUsage": "ENCRYPT_DECRYPT",
    "Origin": "AWS_KMS",
    "MultiRegion": False,
}
"""What a key can be here. Of the other kinds there is more to keep than the file has room for."""
PERIOD = 365
"""Days after which a key rotates, where nobody says how many."""
_NUMBERS = {
    "EnableKeyRotation": ("RotationPeriodInDays", 90, 2560),
    "ScheduleKeyDeletion": ("PendingWindowInDays", 7, 30),
}


def limit(operation: str, body: Mapping[str, Any]) -> tuple[str, str] | None:
    """The error code and text for what no key can be or be told, or None."""
    if operation == "CreateKey":
        for name, only in ONLY.items():
            if (body.get(name) or only) != only:
                return "UnsupportedOperationException", f"only {name} {only} is served here"
    if operation in _NUMBERS:
        name, least, most = _NUMBERS[operation]
        if name in body and not (isinstance(body[name], int) and least <= body[name] <= most):
            return "ValidationException", f"{name} is {least} to {most}"
    return None


def refusal(operation: str, state: str) -> str | None:
    """The error code with which a key in some state answers a call, or None."""
    if operation == "CancelKeyDeletion":
        return None if state == PENDING else "KMSInvalidStateException"
    if state == DISABLED and operation in _USES:
        return "DisabledException"
    if state == PENDING and operation in _USES | _ALTERS:
        return "KMSInvalidStateException"
    return None
