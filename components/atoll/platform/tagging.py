"""Tags, by which a run chooses parts of an inventory: those that it declares, and the kinds of what there is. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum

from atoll.core import naming
from atoll.core.errors import ArgsError
from atoll.platform import bundles, containers, images, publications, registries, releases, sealed_secrets
from atoll.platform.declaration import Declaration
from atoll.platform.problems import shown, unknown
from atoll.platform.tree import Path

SECTION = "tags"
ALWAYS, _NEVER = "always", "never"
"""As in Ansible: what has the first is in every run that does not skip it. There is no `never`: what is declared is to be."""
ALL, TAGGED, UNTAGGED = "all", "tagged", "untagged"
"""As in Ansible: everything, and what has tags of its own or none."""
CONTROL_PLANE = "controlPlane"
"""How a tag names the control plane, which has no section."""


class Kind(StrEnum):
    """The tags that everything has by what it is."""

    CLUSTERS = "clusters"
    FEDERATION = "federation"
    PROPAGATIONS = "propagations"
    BUNDLES = "bundles"
    RELEASES = "releases"
    PUBLICATIONS = "publications"
    REGISTRIES = "registries"
    IMAGES = "images"
    CONTAINERS = "containers"
    SECRETS = "secrets"
    KEYS = "keys"


KNOWN = (*map(str, Kind), ALWAYS, ALL, TAGGED, UNTAGGED)
"""The tags that a run can ask for in every environment."""
_TAKEN = frozenset({*Kind, ALL, TAGGED, UNTAGGED, _NEVER})
_SECTIONS = {
    "clusters": "clusters",
    "groups": "groups",
    "propagations": "propagations",
    bundles.SECTION: "bundles",
    "keys": "keys",
    sealed_secrets.SECTION: "sealed_secrets",
    registries.SECTION: "registries",
    images.SECTION: "images",
    publications.SECTION: "publications",
    containers.SECTION: "containers",
    releases.SECTION: "releases",
}


def problems(declared: Declaration, known: Mapping[str, Collection[str]]) -> Iterator[tuple[Path, str]]:
    """Tags that cannot be, and what nobody declares; `known` are the names in each section."""
    parts = [CONTROL_PLANE, *(f"{section}.{name}" for section in _SECTIONS for name in known[section])]
    for tag, named in declared.tags.items():
        if problem := naming.dns_label_problem(tag):
            yield (SECTION, tag), f"found {shown(tag)}; {problem}"
        elif tag in _TAKEN:
            yield (SECTION, tag), f"found {shown(tag)}; expected another name (it has a meaning of its own)"
        for index, part in enumerate(named):
            if part not in parts:
                yield (SECTION, tag, index), unknown(part, parts)


class Tags:
    """The tags that a run asks for, and those that it skips."""

    def __init__(self, wanted: Sequence[str], skipped: Sequence[str], own: Collection[str]) -> None:
        """Reads what the options say; `own` are the tags of the inventory.

        Raises:
            ArgsError: nobody has such a tag.
        """
        known = list(dict.fromkeys([*map(str, Kind), *sorted(own), *KNOWN]))
        self._wanted = _read(wanted, known, "--tags")
        self._skipped = _read(skipped, known, "--skip-tags")

    @property
    def choose_all(self) -> bool:
        """Whether nothing is left out, whatever tags it has."""
        return self._wanted <= {ALL} and not self._skipped

    def choose(self, tags: Collection[str]) -> bool:
        """Whether what has these tags is in the run."""
        return (not self._wanted or _meets(self._wanted | {ALWAYS}, tags)) and not _meets(self._skipped, tags)


def _read(words: Sequence[str], known: Sequence[str], where: str) -> frozenset[str]:
    found = [each.strip() for word in words for each in word.split(",") if each.strip()]
    for each in found:
        if each not in known:
            raise ArgsError(f"{where}: {unknown(each, known, 'tag')}")
    if words and not found:
        raise ArgsError(f"{where}: found nothing; expected a tag")
    return frozenset(found)


def _meets(asked: Collection[str], tags: Collection[str]) -> bool:
    own = set(tags) - set(Kind)
    words = {*tags, ALL, TAGGED if own else UNTAGGED}
    return bool(words & set(asked))
