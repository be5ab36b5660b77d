"""How components name a cluster that somebody else runs."""

from collections.abc import Mapping
from typing import Any

import pulumi

from atoll.core.errors import ArgsError


def inputs(where: str, name: str, args: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of an `ExistingCluster`; a kubeconfig is secret.

    Raises:
        ArgsError: it is not named once.
    """
    given = {key: args[key] for key in ("file", "kubeconfig", "context") if args.get(key) is not None}
    if ("file" in given) == ("kubeconfig" in given):
        found = "both" if "file" in given else "neither"
        raise ArgsError(f"{where}: found {found} of file and kubeconfig; expected one of them")
    if "kubeconfig" in given:
        given["kubeconfig"] = pulumi.Output.secret(given["kubeconfig"])
    return {"name": name, **given}
