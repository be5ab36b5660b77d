"""Keys and secrets: KMS keys, envelopes, sealed secrets."""

from atoll.secrets.component import Grant, Key, KeyArgs, KeySpec
from atoll.secrets.sealed_secret import SealedSecret, SealedSecretArgs, SopsFile

__all__ = ["Grant", "Key", "KeyArgs", "KeySpec", "SealedSecret", "SealedSecretArgs", "SopsFile"]
