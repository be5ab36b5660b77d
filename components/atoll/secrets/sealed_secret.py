"""The resource `SealedSecret`: ciphertext in, the data of a Kubernetes Secret out."""

import base64
from collections.abc import Mapping
from typing import ClassVar, NotRequired, TypedDict

import pulumi

from atoll.core.component import Resource
from atoll.core.errors import ArgsError


class SopsFile(TypedDict):
    """A file that sops encrypted by a key of a KMS."""

    text: str
    """What is in it."""
    form: str
    """What it is written in: yaml, json or dotenv."""


class SealedSecretArgs(TypedDict):
    """The inputs of a `SealedSecret`."""

    project: str
    """The project that its values were sealed for."""
    environment: str
    """The environment that they were sealed for."""
    key: pulumi.Input[str]
    """The KMS key that they were sealed under: its ARN or its alias (`alias/NAME`)."""
    retiring: NotRequired[pulumi.Input[list[str]]]
    """The ARNs of keys before that one under which some may still be sealed, where `key` is an ARN."""
    values: NotRequired[Mapping[str, str]]
    """By key of the Secret, what `atoll secrets seal ENV NAME/KEY` gave; or else `sops` or `generated`."""
    sops: NotRequired["SopsFile"]
    """A file that sops encrypted, whose keys at the top become those of the Secret."""
    generated: NotRequired[Mapping[str, int]]
    """By key of the Secret, how many letters and digits (16 to 1024) are made for it, once; another number makes others."""
    region: NotRequired[pulumi.Input[str]]
    """Where the KMS is; from the variables of the process unless given, as the login always is."""
    endpoint: NotRequired[pulumi.Input[str]]
    """The address of a KMS that is not Amazon's own."""


class SealedSecret(Resource):
    """Values of one name that are opened at deploy time, and only when their ciphertext changed."""

    outputs: ClassVar[tuple[str, ...]] = ("data", "sources", "revision")
    data: pulumi.Output[Mapping[str, str]]
    """The `data` of a Kubernetes Secret: by key, base64; secret."""
    revision: pulumi.Output[str]
    """What changes where the data do. It is not made from them and may be seen by everybody."""
    sources: pulumi.Output[Mapping[str, str]]
    """By key, a digest of the ciphertext that was opened; of what was made here, its length and which one it is."""

    def __init__(self, name: str, args: SealedSecretArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        secret = pulumi.ResourceOptions(additional_secret_outputs=["data"])
        super().__init__(name, {"name": name, **args}, pulumi.ResourceOptions.merge(opts, secret))
        self._name = name

    def value(self, key: str) -> pulumi.Output[str]:
        """One of the values, in plain and secret: for what is no Kubernetes Secret."""
        return self.data.apply(lambda data: _text(self._name, key, data))


def _text(name: str, key: str, data: Mapping[str, str]) -> str:
    if key not in data:
        raise ArgsError(
            f"sealed secret {name}: found no key {key!r}; expected one of {', '.join(sorted(data))}"
        )
    try:
        return base64.b64decode(data[key]).decode()
    except UnicodeDecodeError:
        raise ArgsError(f"sealed secret {name}: {key}: found bytes that are no text; expected text") from None
