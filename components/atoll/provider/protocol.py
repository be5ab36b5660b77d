"""The messages and services that the Pulumi engine speaks, as the SDK generated them.

The SDK's package imports the whole SDK (half of a plugin's start-up time) before its generated modules, so
they are loaded from the same files under a name of our own. Protobuf's descriptor pool makes both the same
classes, should the SDK be imported later.
"""

import importlib
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

from atoll.core.errors import UnavailableError

_PACKAGE = f"{__name__}_generated"


def _package() -> None:
    found = importlib.util.find_spec("pulumi")
    if found is None or found.origin is None:
        raise UnavailableError("pulumi: no such Python package. Install Atoll with its dependencies.")
    module = types.ModuleType(_PACKAGE)
    module.__path__ = [str(Path(found.origin).parent / "runtime" / "proto")]
    sys.modules[_PACKAGE] = module


def _module(name: str) -> Any:
    return importlib.import_module(f"{_PACKAGE}.{name}")


_package()

engine = _module("engine_pb2")
engine_services = _module("engine_pb2_grpc")
plugin = _module("plugin_pb2")
provider = _module("provider_pb2")
provider_services = _module("provider_pb2_grpc")
resource = _module("resource_pb2")
resource_services = _module("resource_pb2_grpc")
status = _module("status_pb2")

MESSAGE_LIMIT = 400 << 20
"""Bytes of one message; as the engine itself allows (sdk/go/common/util/rpcutil)."""

OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
]
"""Options of every channel and server of a plugin."""
