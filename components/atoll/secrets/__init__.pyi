from .component import Grant, Key, KeyArgs, KeySpec
from .sealed_secret import SealedSecret, SealedSecretArgs, SopsFile

__all__ = ["Grant", "Key", "KeyArgs", "KeySpec", "SealedSecret", "SealedSecretArgs", "SopsFile"]
