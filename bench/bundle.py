"""A bundle written by Atoll's own delivery, and by nothing before it: what a federation takes from write to effect.

Run: `bundle.py INPUTS`. INPUTS is a file of what a `BundleDelivery` is told. Prints `ready`, begins at a line of its input,
and ends once every member has all of it; what is wrong is told on standard error, with exit code 1.
"""

import copy
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from atoll.core.effect import Context
from atoll.federation import works
from atoll.federation.bundle_effects import BundleDelivery
from atoll.federation.delivery import REVISION
from atoll.federation.placement import selector
from atoll.kubernetes import Api, Kubeconfig
from bench.policies import Manifest

NAME = "direct"


def inputs(resources: Sequence[Manifest], clusters: Sequence[str], **more: Any) -> dict[str, Any]:
    """What a delivery is told of some objects for some clusters; its `name` and `access` are among `more`."""
    manifests, objects = [], []
    for resource in resources:
        manifest, revision = copy.deepcopy(resource), works.digest(resource)
        metadata = manifest["metadata"]
        metadata["labels"] = {**metadata.get("labels", {}), works.BUNDLE: more["name"]}
        metadata["annotations"] = {**metadata.get("annotations", {}), REVISION: revision}
        manifests.append(manifest)
        objects.append({**selector(resource), "revision": revision})
    found = {"objects": objects, "manifests": manifests, "overrides": [], "clusters": sorted(clusters)}
    return {**found, "conflictResolution": "abort", "timeoutSeconds": 60, **more}


def main(told: dict[str, Any]) -> int:
    """Writes it, and waits until it is everywhere."""
    delivery = BundleDelivery()
    # Whoever is resident has its connection.
    Api(Kubeconfig.read(told["access"])).request("GET", "/readyz")
    print("ready", flush=True)
    sys.stdin.readline()
    done = delivery.create(NAME, told, Context())
    for line in done.problems:
        print(line, file=sys.stderr)
    return 1 if done.problems else 0


if __name__ == "__main__":
    sys.exit(main(json.loads(Path(sys.argv[1]).read_text())))
