"""Which versions of a program may take over what another version wrote. Pure.

Source: https://etcd.io/docs/v3.6/op-guide/versioning and .../downgrades/downgrading-etcd (a store is written by one
minor version, and read by it and the next), https://kubernetes.io/releases/version-skew-policy (an API server is
upgraded minor by minor), https://karmada.io/docs/administrator/upgrading (the same, release by release).
"""

from collections.abc import Mapping

from packaging.version import InvalidVersion, Version

_KEEPERS = {
    "etcd": "its store is written by one minor version and read by it and the next",
    "kube-apiserver": "what it stores is read by its minor version and the next",
    "karmada-controller-manager": "Karmada's kinds are read by its minor version and the next",
}
"""The programs that keep something on disk or in the store, and why a version matters to it."""


def refusal(program: str, found: str, wanted: str) -> str | None:
    """Why a program of one version may not take over from another, or None; what keeps nothing always may."""
    reason = _KEEPERS.get(program)
    try:
        old, new = Version(found), Version(wanted)
    except InvalidVersion:
        # Nothing is known of what ran: the program itself says what it thinks of its data.
        return None
    if reason is None or (old.major, old.minor) <= (new.major, new.minor) <= (old.major, old.minor + 1):
        return None
    earliest, latest = f"{old.major}.{old.minor}", f"{old.major}.{old.minor + 1}"
    way = "a newer version" if new < old else f"one of {latest} first"
    return (
        f"found data of {program} {found}; expected {wanted} to be of {earliest} or {latest} ({reason}). "
        f"Choose {way}: components/atoll/toolchain/tools.toml, or the program on PATH"
    )


def refusals(found: Mapping[str, Mapping[str, str]], wanted: Mapping[str, str]) -> list[str]:
    """A line for each program that may not take over, with the clusters where.

    `found` are versions by program by cluster, `wanted` the versions that were chosen.
    """
    places: dict[str, list[str]] = {}
    for name, versions in found.items():
        for program in wanted.keys() & versions.keys():
            if reason := refusal(program, versions[program], wanted[program]):
                places.setdefault(reason, []).append(name)
    return [f"cluster {', '.join(names)}: {reason}" for reason, names in sorted(places.items())]
