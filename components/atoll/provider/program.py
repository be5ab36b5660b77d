"""Runs the program of an environment for the engine, in a process that loads while the engine starts and looks at what is live.

Started by the command as `python -m atoll.provider.program ADDRESS FOLDER`: serves Pulumi's LanguageRuntime at ADDRESS
(`unix:PATH`), says `ready`, and ends with the command, whose end of its input is closed then. The engine's own host starts a
Python for each run once it has looked at everything, after it has listed all packages by pip to find plugins: more than a
second of each run, in which nothing else goes on. Plugins are found by the resources that need them.

Source: pulumi/pulumi, proto/pulumi/language.proto; sdk/python/lib/pulumi/automation/_server.py.
"""

import gc
import importlib
import os
import runpy
import sys
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import grpc

from atoll.core import command

_SERVICE = "pulumirpc.LanguageRuntime"
_NOTHING_TO_TELL = frozenset({"GetPluginInfo", "GetRequiredPackages", "GetRequiredPlugins"})
"""Calls whose answer is an empty message."""
_LOADED = ("pulumi", "atoll.automation.holding", "atoll.platform.composition", "atoll.platform.loading")
"""What every program needs."""


class _Handlers(grpc.GenericRpcHandler):  # type: ignore[misc] # untyped
    """Answers in bytes, so that nothing has to be loaded before the first question."""

    def __init__(self, runtime: "Future[Any]") -> None:
        self._runtime = runtime

    def service(self, details: Any) -> Any:
        service, _, call = details.method.strip("/").rpartition("/")
        if service != _SERVICE:
            return None
        if call in _NOTHING_TO_TELL:
            return grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")
        return grpc.unary_unary_rpc_method_handler(self._run) if call == "Run" else None

    def _run(self, request: bytes, context: Any) -> bytes:
        runtime = self._runtime.result()
        from pulumi.runtime.proto import language_pb2  # noqa: PLC0415 - it is loaded by now

        answer = runtime.Run(language_pb2.RunRequest.FromString(request), context)
        # It was told already, in its own words: the engine has none to add.
        answer.bail = bool(answer.error)
        told: bytes = answer.SerializeToString()
        return told


def _program(folder: str) -> None:
    """Runs it; an error that is nobody's is told with where it came from."""
    from pulumi import RunError  # noqa: PLC0415 - it is loaded by now

    try:
        runpy.run_path(folder, run_name="__main__")
    except RunError:
        raise
    except Exception as error:
        raise RunError(f"Program failed with an unhandled exception:\n{traceback.format_exc()}") from error


def _load(folder: str) -> Any:
    for name in _LOADED:
        importlib.import_module(name)
    # Under a name that Pulumi keeps to itself: it is the server of its Automation API.
    return importlib.import_module("pulumi.automation._server").LanguageServer(partial(_program, folder))


def _quiet() -> None:
    """Lets nothing out but by the engine: what a program prints `atoll` never showed, and nobody reads the pipe."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())


def main(address: str, folder: str) -> None:
    """Serves until its input ends."""
    # Loading makes many objects and no garbage, and a run is short.
    gc.disable()
    runtime: Future[Any] = Future()
    server = grpc.server(ThreadPoolExecutor(4), handlers=[_Handlers(runtime)])
    server.add_insecure_port(address)
    server.start()
    sys.stdout.write(f"{command.READY}\n")
    sys.stdout.flush()
    _quiet()
    try:
        runtime.set_result(_load(folder))
    except BaseException as error:  # noqa: BLE001 - whoever asks for a run is told
        runtime.set_exception(error)
    sys.stdin.read()
    # At once: what still runs is for an engine that is gone.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
