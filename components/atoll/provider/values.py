"""Property values: between the engine's structs and plain Python. Pure.

Source: sdk/go/common/resource/plugin/rpc.go of pulumi/pulumi, and sdk/go/common/resource/sig.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from google.protobuf import struct_pb2

from atoll.core.errors import ArgsError

Path = tuple[str | int, ...]
"""Where a value stands: keys and list indices from the top."""

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What stands for a value that a preview cannot know."""

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the protocol's mark, no secret
REFERENCE = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
ASSET = "c44067f5952c0a294b673a41bacd8c17"
_ASSETS = {ASSET: "asset", "0def7320c3a5731c473e5ecbe6d01bc7": "archive"}


@dataclass(frozen=True)
class Decoded:
    """Plain values, and the paths of those that are secret."""

    value: dict[str, Any]
    secrets: frozenset[Path]


def decode(struct: Any) -> Decoded:
    """Plain values of a struct: secrets unwrapped, nulls left out, whole numbers as int.

    Raises:
        ArgsError: it holds an asset or an archive, which no resource here takes.
    """
    secrets: set[Path] = set()
    return Decoded(_fields(struct, (), secrets), frozenset(secrets))


def plain(struct: Any) -> dict[str, Any]:
    """The plain values of a struct, without regard to what is secret in it."""
    return decode(struct).value


def whole(struct: Any) -> struct_pb2.Struct:
    """A struct as it may be sent back: without nulls, be they secret or not.

    An output of a resource that failed is a secret of nothing at all; the engine sends that and, when it is sent
    back, ends in a panic with its lock kept.
    """
    found = decode(struct)
    return encode(found.value, found.secrets)


def at(value: Any, path: Path) -> Any:
    """What stands at a path; None where nothing does."""
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _fields(struct: Any, path: Path, secrets: set[Path]) -> dict[str, Any]:
    found = {key: _decode(value, (*path, key), secrets) for key, value in struct.fields.items()}
    return {key: value for key, value in found.items() if value is not None}


def _decode(value: Any, path: Path, secrets: set[Path]) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "list_value":
        return [
            _decode(entry, (*path, index), secrets) for index, entry in enumerate(value.list_value.values)
        ]
    if kind == "struct_value":
        signature = value.struct_value.fields.get(SIGNATURE)
        if signature is None:
            return _fields(value.struct_value, path, secrets)
        return _special(signature.string_value, value.struct_value.fields, path, secrets)
    return getattr(value, kind) if kind and kind != "null_value" else None


def _special(signature: str, fields: Any, path: Path, secrets: set[Path]) -> Any:
    if signature == SECRET:
        secrets.add(path)
        return _decode(fields["value"], path, secrets)
    if signature == OUTPUT:
        if "secret" in fields and fields["secret"].bool_value:
            secrets.add(path)
        return _decode(fields["value"], path, secrets) if "value" in fields else UNKNOWN
    if signature == REFERENCE:
        # A resource as an input means its id, or its name where it has none (a component).
        return _decode(fields["id"], path, secrets) if "id" in fields else fields["urn"].string_value
    what = _ASSETS.get(signature, "value of an unknown kind")
    where = ".".join(str(part) for part in path)
    raise ArgsError(f"{where}: found an {what}; expected a plain value. Read the file in the program.")


def encode(value: dict[str, Any], secrets: Iterable[Path] = ()) -> struct_pb2.Struct:
    """A struct of plain values, with what stands at `secrets` marked secret; paths that are not there are left out."""
    struct = struct_pb2.Struct()
    struct.update(cast("dict[str, Any]", _encode(value, frozenset(secrets), ())))
    return struct


def _encode(value: Any, secrets: frozenset[Path], path: Path) -> Any:
    if path in secrets:
        # What is secret as a whole is not marked again inside.
        return {SIGNATURE: SECRET, "value": _encode(value, frozenset(), ())}
    if isinstance(value, dict):
        return {key: _encode(entry, secrets, (*path, key)) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(entry, secrets, (*path, index)) for index, entry in enumerate(value)]
    return value


def has_unknown(value: Any) -> bool:
    """Whether a value, or anything in it, is not known yet."""
    if isinstance(value, dict):
        return any(has_unknown(entry) for entry in value.values())
    if isinstance(value, list):
        return any(has_unknown(entry) for entry in value)
    return bool(value == UNKNOWN)
