"""The program side of what Atoll's own provider does for secrets."""

from typing import ClassVar

import pulumi

from atoll.core.component import Resource


class KmsKey(Resource):
    """A key in a KMS."""

    outputs: ClassVar[tuple[str, ...]] = ("keyId", "arn", "marked", "deletion", "retiring")
    keyId: pulumi.Output[str]  # noqa: N815 - properties are camelCase
    """Its id."""
    arn: pulumi.Output[str]
    """Its full name; what names it in policies and ciphertexts."""
    marked: pulumi.Output[bool]
    """Whether it carries the marks by which it is found again."""
    deletion: pulumi.Output[str]
    """The day on which the KMS will delete it; empty unless somebody asked for that."""
    retiring: pulumi.Output[list[str]]
    """The ARNs of the keys before it, while a rotation moves away what they sealed."""
