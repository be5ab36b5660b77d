"""The bare lower bound: one process that writes to all clusters over connections that it keeps. No part of Atoll.

Run by the bench's own Python: `pooled.py apply|resident|remove TARGETS OBJECTS`. TARGETS is a file of clusters (name,
server, ca, certificate, key), OBJECTS one of {"objects": [[path, path of the kind, manifest], ...]}. `resident` opens its connections,
prints `ready`, and begins at a line of its input.
"""

import asyncio
import json
import ssl
import sys
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

CONNECTIONS = 4
"""To each cluster at once."""
_GONE = 404


def context(target: dict[str, str]) -> ssl.SSLContext:
    """How a cluster is spoken to as its administrator."""
    made = ssl.create_default_context(cafile=target["ca"])
    made.load_cert_chain(target["certificate"], target["key"])
    return made


def requests(mode: str, listed: list[Any]) -> list[tuple[str, str, bytes | None]]:
    """What is asked of each cluster: (method, path, body)."""
    if mode == "remove":
        return [("DELETE", path, None) for path, _, _ in listed]
    query = "?fieldManager=pooled&force=true"
    return [("PATCH", path + query, json.dumps(manifest).encode()) for path, _, manifest in listed]


async def worker(
    session: aiohttp.ClientSession,
    target: dict[str, str],
    queue: list[tuple[str, str, bytes | None]],
    trust: ssl.SSLContext,
) -> None:
    """Sends what is left to send to a cluster, one after the other."""
    headers = {"Content-Type": "application/apply-patch+yaml"}
    while queue:
        method, path, body = queue.pop()
        url = target["server"] + path
        async with session.request(method, url, data=body, headers=headers, ssl=trust) as answer:
            text = await answer.text()
            if not answer.ok and not (method == "DELETE" and answer.status == _GONE):
                raise SystemExit(f"{url}: {answer.status} {text}")


async def main(mode: str, targets: list[dict[str, str]], listed: list[Any]) -> None:
    """Does all of it."""
    trusts = [context(target) for target in targets]
    connector = aiohttp.TCPConnector(limit=0, limit_per_host=CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector) as session:
        if mode == "resident":

            async def touch(target: dict[str, str], trust: ssl.SSLContext) -> None:
                async with session.get(target["server"] + "/readyz", ssl=trust) as answer:
                    await answer.read()

            pairs = list(zip(targets, trusts, strict=True)) * CONNECTIONS
            await asyncio.gather(*(touch(*pair) for pair in pairs))
            print("ready", flush=True)
            sys.stdin.readline()
        async with asyncio.TaskGroup() as group:
            for target, trust in zip(targets, trusts, strict=True):
                queue = list(reversed(requests(mode, listed)))
                for _ in range(min(CONNECTIONS, len(queue))):
                    group.create_task(worker(session, target, queue, trust))


if __name__ == "__main__":
    uvloop.run(
        main(
            sys.argv[1],
            json.loads(Path(sys.argv[2]).read_text()),
            json.loads(Path(sys.argv[3]).read_text())["objects"],
        )
    )
