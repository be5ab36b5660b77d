"""A sealed secret in an inventory, as a KMS that nobody asks would have sealed it."""

import base64
from typing import Any

NAME, NAMESPACE = "login", "guestbook"
_HEAD = b"\2"


def text(content: str) -> str:
    """What passes for a sealed value as long as it is not opened."""
    return base64.b64encode(_HEAD + content.encode()).decode()


def add(values: dict[str, Any], content: str = "once") -> None:
    """Adds one, for all clusters but the last, to an inventory with the guestbook."""
    values["sealedSecrets"][NAME] = {
        "namespace": NAMESPACE,
        "clusters": list(values["clusters"])[:-1],
        "values": {"password": text(content), "user": text("ada")},
    }
