"""When each cluster has what it should have: heard by watches, so that asking costs the measured ones nothing.

Run by the bench's own Python: `probe.py TARGETS WANTED SECONDS`. WANTED is {"objects": [[path, path of the
kind, manifest], ...], "fields": [...], "label": ..., "review": a SubjectAccessReview or null}. A cluster has it all once each object was
seen to say what it should and the review, asked from then on, answers yes. Prints `ready`, then one line of JSON:
{"at": {cluster: seconds of the monotonic clock}, "missing": [cluster, ...]}.
"""

import asyncio
import contextlib
import json
import signal
import ssl
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from pooled import context

_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_AGAIN = 0.002


class Probe:
    """Listens to all clusters."""

    def __init__(self, session: aiohttp.ClientSession, wanted: dict[str, Any], expected: int) -> None:
        self._session, self._wanted = session, wanted
        self._expected, self._open = expected, 0
        self.at: dict[str, float] = {}

    async def cluster(self, target: dict[str, str]) -> None:
        """Notes when one cluster has it all."""
        trust = context(target)
        kinds: dict[str, Any] = {}
        for _, kind, manifest in self._wanted["objects"]:
            metadata = manifest["metadata"]
            kinds.setdefault(kind, {})[metadata.get("namespace"), metadata["name"]] = manifest
        await asyncio.gather(*(self._kind(target, trust, path, each) for path, each in kinds.items()))
        if review := self._wanted["review"]:
            while not await self._allowed(target, trust, review):  # noqa: ASYNC110 - nothing tells when it is so
                await asyncio.sleep(_AGAIN)
        self.at[target["name"]] = time.monotonic()

    async def _kind(
        self, target: dict[str, str], trust: ssl.SSLContext, path: str, left: dict[Any, Any]
    ) -> None:
        url = f"{target['server']}{path}?watch=true&labelSelector={self._wanted['label']}%3Dtrue"
        async with self._session.get(url, ssl=trust) as answer:
            answer.raise_for_status()
            self._open += 1
            if self._open == self._expected:
                print("ready", flush=True)
            async for line in answer.content:
                live = json.loads(line)["object"]
                key = live["metadata"].get("namespace"), live["metadata"]["name"]
                if key in left and self._says(live, left[key]):
                    del left[key]
                if not left:
                    return

    def _says(self, live: dict[str, Any], wanted: dict[str, Any]) -> bool:
        return all(live.get(field) == wanted[field] for field in self._wanted["fields"] if field in wanted)

    async def _allowed(self, target: dict[str, str], trust: ssl.SSLContext, review: dict[str, Any]) -> bool:
        async with self._session.post(target["server"] + _REVIEWS, json=review, ssl=trust) as answer:
            return (await answer.json())["status"]["allowed"]


async def main(targets: list[dict[str, str]], wanted: dict[str, Any], seconds: float) -> None:
    """Listens until all clusters have it all, the time is over, or a SIGTERM asks for what there is."""
    kinds = {kind for _, kind, _ in wanted["objects"]}
    connector, forever = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=forever, read_bufsize=2**18) as session:
        probe = Probe(session, wanted, len(kinds) * len(targets))
        listening = asyncio.gather(*map(probe.cluster, targets))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, listening.cancel)
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(seconds):
                await listening
    missing = [target["name"] for target in targets if target["name"] not in probe.at]
    print(json.dumps({"at": probe.at, "missing": missing}), flush=True)


if __name__ == "__main__":
    uvloop.run(
        main(
            json.loads(Path(sys.argv[1]).read_text()),
            json.loads(Path(sys.argv[2]).read_text()),
            float(sys.argv[3]),
        )
    )
