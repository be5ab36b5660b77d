"""What Helm's resources ask for, in helm's own terms. Pure.

Source: provider/pkg/provider/helm/v4/chart.go and provider/pkg/provider/helm_release.go of pulumi/pulumi-kubernetes.
"""

import base64
from collections.abc import Iterator
from typing import Any

from atoll.core.errors import RefusedError
from atoll.helm import Chart, Login
from atoll.helm import values as layers
from atoll.provider import values
from atoll.provider.kubernetes.groups import Member

_SHORTEST = 4
"""A shorter secret is looked for as a whole value alone: it would be found in ordinary words."""


def refuse(token: str, inputs: dict[str, Any], unserved: dict[str, str]) -> None:
    """Refuses inputs that are not served; `unserved` tells of each what to do.

    Raises:
        RefusedError: one is there.
    """
    for name, instead in unserved.items():
        if inputs.get(name) not in (None, False, "", {}, []):
            raise RefusedError(
                f"{token}: {name}: found an input that the stand-in for pulumi-resource-kubernetes does not serve; "
                f"expected it to be left out. {instead}"
            )


def chart(inputs: dict[str, Any]) -> Chart:
    """The chart that inputs name, whose certificates are texts and not paths."""
    options = inputs.get("repositoryOpts") or {}
    login = None
    if options.get("username") or options.get("password"):
        login = Login(str(options.get("username", "")), str(options.get("password", "")))
    version = str(inputs.get("version") or "").strip()
    return Chart(
        str(inputs["chart"]).strip(),
        version or (">0.0.0-0" if inputs.get("devel") else ""),
        str(options.get("repo") or ""),
        login,
        str(options.get("caFile") or ""),
        str(options.get("certFile") or ""),
        str(options.get("keyFile") or ""),
        plain_http=bool(inputs.get("plainHttp")),
    )


def merged(inputs: dict[str, Any]) -> dict[str, Any]:
    """The values of the files, in their order, and over them those that were given as such."""
    texts = inputs.get("valueYamlFiles") or []
    parsed = [layers.parsed(text, f"valueYamlFiles[{place}]") for place, text in enumerate(texts)]
    return layers.merged([*parsed, inputs.get("values") or {}])


def texts(value: Any, secrets: frozenset[values.Path]) -> frozenset[str]:
    """The texts of what is secret in inputs, and how a Secret's data write them."""
    found = {text for path in secrets for text in _leaves(values.at(value, path)) if text}
    return frozenset(found | {base64.b64encode(text.encode()).decode() for text in found})


def marked(member: Member, hidden: frozenset[str]) -> Member:
    """An object with every value marked secret in which a secret text stands."""
    if not hidden:
        return member
    found = frozenset(_holding(member.manifest, hidden, ()))
    return Member(member.manifest, member.secrets | found)


def _holding(value: Any, hidden: frozenset[str], path: values.Path) -> Iterator[values.Path]:
    if isinstance(value, dict | list):
        for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _holding(entry, hidden, (*path, key))
        return
    text = str(value)
    if any(text == secret or (len(secret) >= _SHORTEST and secret in text) for secret in hidden):
        yield path


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from _leaves(entry)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
