"""How a registry is reached: floors are blind to their siblings, so that whoever joins them says how to ask for a login. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from atoll.helm import Login


@dataclass(frozen=True)
class Access:
    """A login that works now; `authority` (PEM) is whom to trust, empty for those that the machine trusts."""

    login: Login
    authority: str = ""


Logins = Callable[[Mapping[str, Any]], Access]
"""Asks for the login of a registry by the `reference` of a `Registry` of atoll.registry.

It raises an `UnavailableError` where there is nobody to ask.
"""
