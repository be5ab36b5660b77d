"""Any Kubernetes object as a Pulumi resource, from a manifest."""

from collections.abc import Mapping
from typing import Any

import pulumi

from atoll.core import naming


class KubernetesObject(pulumi.CustomResource):
    """An object of any kind, under the type that Pulumi's own Kubernetes SDK gives to it.

    It is written under Atoll's fixed field manager, so that a second try never conflicts with the first.
    """

    def __init__(self, name: str, manifest: Mapping[str, Any], opts: pulumi.ResourceOptions) -> None:
        version = manifest["apiVersion"]
        group = version if "/" in version else f"core/{version}"
        metadata = manifest["metadata"]
        annotations = {
            "pulumi.com/patchFieldManager": naming.FIELD_MANAGER,
            **metadata.get("annotations", {}),
        }
        properties = {**manifest, "metadata": {**metadata, "annotations": annotations}}
        super().__init__(f"kubernetes:{group}:{manifest['kind']}", name, properties, opts)
