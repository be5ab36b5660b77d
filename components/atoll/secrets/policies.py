"""Key policies, beyond what all IAM policies have in common. Pure."""

from typing import Any

from atoll.core import iam

MOST_BYTES = 32 * 1024
"""Source: https://docs.aws.amazon.com/kms/latest/developerguide/resource-limits.html"""


def default(arn: str) -> dict[str, Any]:
    """The policy that KMS gives to a key that comes without one: its account decides.

    Source: https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    """
    _, partition, _, _, account, _ = arn.split(":", 5)
    return {
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [
            {
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{partition}:iam::{account}:root"},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }


def problem(policy: Any) -> str | None:
    """What keeps a policy from being one of a key, or None."""
    return iam.problem(policy, MOST_BYTES)
