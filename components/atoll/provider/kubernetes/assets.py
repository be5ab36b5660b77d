"""Assets among the inputs of Helm's resources: each is taken for the text in it.

Source: sdk/go/common/resource/asset of pulumi/pulumi.
"""

from pathlib import Path
from typing import Any

from google.protobuf import struct_pb2

from atoll.core.errors import ArgsError
from atoll.provider import values


def read(struct: Any) -> Any:
    """A copy of a struct with the text of each asset in its place, be it secret or not.

    Raises:
        ArgsError: it cannot be read, or would have to be downloaded.
    """
    copy = struct_pb2.Struct()
    copy.CopyFrom(struct)
    for value in copy.fields.values():
        _resolve(value)
    return copy


def _resolve(value: Any) -> None:
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        for entry in value.list_value.values:
            _resolve(entry)
    elif kind == "struct_value":
        fields = value.struct_value.fields
        if values.SIGNATURE in fields and fields[values.SIGNATURE].string_value == values.ASSET:
            value.string_value = _text(fields)
            return
        for entry in fields.values():
            _resolve(entry)


def _text(fields: Any) -> str:
    if "path" in fields and fields["path"].string_value:
        path = fields["path"].string_value
        try:
            return Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ArgsError(f"asset: found {path!r} ({why}); expected a readable file") from error
    if "uri" in fields and fields["uri"].string_value:
        uri = fields["uri"].string_value
        raise ArgsError(f"asset: found {uri!r}; expected a file or a text (the stand-in downloads nothing)")
    return str(fields["text"].string_value) if "text" in fields else ""
