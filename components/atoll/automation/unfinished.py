"""What a killed engine had begun to create: its state knows that it began, and nothing of how far it got. Pure.

The engine itself leaves such a creation in its state for ever, and forgets the thing when the inventory does. Here it
becomes a resource like others: the next look at what is live finds it or not, the next run finishes it, and where
nobody wants it any more, deletes it.
"""

from typing import Any

from atoll.core import naming
from atoll.kubernetes import identities
from atoll.secrets import keys

Deployment = dict[str, Any]
"""What `pulumi stack export` calls by that name."""
_CREATING = "creating"
_KEY = naming.type_token("KmsKey")


def is_any(deployment: Deployment) -> bool:
    """Whether anything was interrupted."""
    return bool(deployment.get("pending_operations"))


def taken_up(deployment: Deployment) -> Deployment:
    """The deployment with every interrupted creation as a resource; one that nobody can find again is forgotten."""
    resources: list[dict[str, Any]] = list(deployment.get("resources") or [])
    known = {resource["urn"] for resource in resources}
    for operation in deployment.get("pending_operations") or []:
        resource = operation["resource"]
        identifier = _identifier(resource)
        if operation["type"] == _CREATING and resource["urn"] not in known and identifier:
            resources.append({**resource, "id": identifier})
            known.add(resource["urn"])
    return {**deployment, "resources": resources, "pending_operations": []}


def _identifier(resource: dict[str, Any]) -> str | None:
    """The id that the provider would have answered: all make it from the name, but a KMS, which is asked by the alias.

    A provider (its id is made up by the engine) leaves nothing behind.
    """
    inputs = resource.get("inputs") or {}
    if resource["type"] == _KEY:
        return f"{keys.PREFIX}{inputs['alias']}"
    if resource["type"].startswith("atoll:"):
        return inputs.get("name")
    if resource["type"].startswith("kubernetes:"):
        return identities.identifier(inputs) if identities.metadata(inputs).get("name") else None
    return None
