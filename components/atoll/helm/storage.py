"""What helm keeps of a release in a cluster: a Secret for each revision.

Source: helm.sh/helm/v4/pkg/storage/driver/secrets.go and util.go (base64 of gzip of JSON, in the API's own base64).
"""

import base64
import gzip
import json
from dataclasses import dataclass, field
from typing import Any

from atoll.kubernetes import Api

DEPLOYED = "deployed"
SUPERSEDED = "superseded"
_TYPE = "helm.sh/release.v1"


@dataclass(frozen=True)
class Release:
    """One revision of a release. `values` are those that it was given, `manifest` is all of it but hooks."""

    name: str
    namespace: str
    revision: int
    status: str
    description: str
    chart: str
    version: str
    app_version: str
    values: dict[str, Any] = field(repr=False)
    manifest: str = field(repr=False)
    labels: dict[str, str]

    @property
    def is_pending(self) -> bool:
        """Whether helm is at it, or was killed while it was."""
        return self.status.startswith("pending-") or self.status == "uninstalling"


def latest(api: Api, namespace: str, name: str) -> Release | None:
    """The last revision of a release, or None where there is none.

    Raises:
        ApiError: the server lets nobody see it.
    """
    found = revisions(api, namespace, name)
    return found[-1] if found else None


def revisions(api: Api, namespace: str, name: str) -> list[Release]:
    """All revisions that are kept, the oldest first."""
    selector = f"owner=helm,name={name}"
    query = {"labelSelector": selector, "fieldSelector": f"type={_TYPE}"}
    found = api.items("v1", "Secret", namespace, **query)
    return sorted((decoded(each) for each in found), key=lambda release: release.revision)


def decoded(secret: dict[str, Any]) -> Release:
    """The release in a Secret."""
    packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
    kept = json.loads(gzip.decompress(packed))
    metadata, info = kept["chart"]["metadata"], kept["info"]
    return Release(
        name=kept["name"],
        namespace=kept["namespace"],
        revision=kept["version"],
        status=info["status"],
        description=info.get("description", ""),
        chart=metadata["name"],
        version=metadata["version"],
        app_version=metadata.get("appVersion", ""),
        values=kept.get("config") or {},
        manifest=kept.get("manifest") or "",
        labels=secret["metadata"].get("labels") or {},
    )
