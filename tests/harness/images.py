"""Images pushed to a registry by the protocol of OCI, as any client does it: blobs, then a manifest."""

import gzip
import hashlib
import io
import json
import ssl
import tarfile
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import urllib3

from atoll.registry.logins import Login

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


_IMAGES = f"{MANIFEST}, application/vnd.docker.distribution.manifest.v2+json"
_WHITEOUT = ".wh."


class Entry(NamedTuple):
    """A file of an image: its kind as tar has it, permissions, owner, group, and what is in it or where it leads."""

    kind: bytes
    mode: int
    owner: int
    group: int
    content: bytes


class Pusher:
    """Somebody who pushes to one registry and pulls from it."""

    def __init__(self, login: Login) -> None:
        self._base = f"https://{login.address}"
        self.pool = urllib3.PoolManager(
            ssl_context=ssl.create_default_context(cadata=login.authority),
            headers=urllib3.make_headers(basic_auth=f"{login.user}:{login.password}"),
            retries=False,
            timeout=30,
        )

    def push(self, repository: str, tag: str, layer: bytes = b"layer", config: bytes = b"{}") -> str:
        """Pushes an image of one layer; returns its digest."""
        for blob in (config, layer):
            self.blob(repository, blob)
        content = manifest(config, layer)
        answer = self._request(
            "PUT", f"/v2/{repository}/manifests/{tag}", content, {"Content-Type": MANIFEST}
        )
        assert answer.status == 201, answer.data
        return str(answer.headers["Docker-Content-Digest"])

    def index(self, repository: str, tag: str, platforms: Mapping[str, bytes]) -> str:
        """Pushes an image for each architecture, of one layer each, and an index of them; returns its digest."""
        described = []
        for name, layer in platforms.items():
            digest_of = self.push(repository, f"{tag}-{name}", layer)
            content = manifest(b"{}", layer)
            platform = {"architecture": name, "os": "linux"}
            described.append(
                {"mediaType": MANIFEST, "digest": digest_of, "size": len(content), "platform": platform}
            )
        content = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": described}).encode()
        headers = {"Content-Type": INDEX}
        answer = self._request("PUT", f"/v2/{repository}/manifests/{tag}", content, headers)
        assert answer.status == 201, answer.data
        return str(answer.headers["Docker-Content-Digest"])

    def blob(self, repository: str, content: bytes) -> None:
        """Pushes one blob in one piece."""
        where = self.begin(repository)
        answer = self.pool.request("PUT", f"{where}&digest={digest(content)}", body=content)
        assert answer.status == 201, answer.data

    def begin(self, repository: str) -> str:
        """Begins an upload; returns where its parts go."""
        answer = self._request("POST", f"/v2/{repository}/blobs/uploads/")
        assert answer.status == 202, answer.data
        return str(answer.headers["Location"])

    def pull(self, repository: str, reference: str) -> bytes:
        """The manifest behind a tag or digest, and that its layers are there."""
        answer = self._request("GET", f"/v2/{repository}/manifests/{reference}", None, {"Accept": MANIFEST})
        assert answer.status == 200, answer.data
        for layer in json.loads(answer.data)["layers"]:
            found = self._request("GET", f"/v2/{repository}/blobs/{layer['digest']}")
            assert digest(found.data) == layer["digest"]
        return bytes(answer.data)

    def files(self, repository: str, reference: str) -> dict[str, Entry]:
        """The file system of an image, by path: its layers one over the other."""
        found: dict[str, Entry] = {}
        for layer in self.described(repository, reference)["layers"]:
            packed = self._request("GET", f"/v2/{repository}/blobs/{layer['digest']}").data
            with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packed))) as archive:
                for member in archive:
                    _lay(found, archive, member)
        return found

    def config(self, repository: str, reference: str) -> dict[str, Any]:
        """How an image is run: entrypoint, labels and so on."""
        digest = self.described(repository, reference)["config"]["digest"]
        config: dict[str, Any] = json.loads(self._request("GET", f"/v2/{repository}/blobs/{digest}").data)
        return config["config"]  # type: ignore[no-any-return] # as JSON has it

    def described(self, repository: str, reference: str) -> dict[str, Any]:
        """The manifest of an image, of OCI's form or of Docker's."""
        answer = self._request("GET", f"/v2/{repository}/manifests/{reference}", None, {"Accept": _IMAGES})
        assert answer.status == 200, answer.data
        described: dict[str, Any] = json.loads(answer.data)
        return described

    def delete(self, repository: str, digest: str) -> None:
        """Deletes an image."""
        assert self._request("DELETE", f"/v2/{repository}/manifests/{digest}").status == 202

    def status(self, path: str) -> int:
        """What is answered for a path."""
        return int(self._request("GET", path).status)

    def _request(self, method: str, path: str, body: Any = None, headers: Any = None) -> Any:
        return self.pool.request(
            method, self._base + path, body=body, headers={**self.pool.headers, **(headers or {})}
        )


def _lay(found: dict[str, Entry], archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    path = PurePosixPath("/", member.name)
    if path == path.parent:
        # Not every builder says how the root is.
        return
    if path.name.startswith(_WHITEOUT):
        gone = str(path.with_name(path.name.removeprefix(_WHITEOUT)))
        for each in [each for each in found if each == gone or each.startswith(f"{gone}/")]:
            del found[each]
        return
    file = archive.extractfile(member) if member.isfile() else None
    content = file.read() if file else member.linkname.encode()
    found[str(path)] = Entry(member.type, member.mode & 0o7777, member.uid, member.gid, content)


def digest(content: bytes) -> str:
    """What names some content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def manifest(config: bytes, layer: bytes) -> bytes:
    """The manifest of an image of one layer."""
    described = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": digest(config), "size": len(config)},
        "layers": [
            {
                "mediaType": "application/vnd.oci.image.layer.v1.tar",
                "digest": digest(layer),
                "size": len(layer),
            }
        ],
    }
    return json.dumps(described).encode()


def runnable(layer: bytes, *words: str) -> bytes:
    """The configuration of an image that runs a program of its one layer."""
    described = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": list(words), "Env": ["PATH=/", "FROM_IMAGE=1"], "Labels": {"of": "image"}},
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
    }
    return json.dumps(described).encode()
