"""One object with what is different about it somewhere, each variant with a revision of its own."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pulumi

from atoll.federation import concealed, delivery, placement


class Revised:
    """An object, and the rules by which some clusters get another copy of it.

    A revision depends on content alone: a cluster that joins a group changes nothing for those that are in it.
    """

    def __init__(self, manifest: dict[str, Any], rules: Sequence[placement.Rule]) -> None:
        self.manifest, self.rules = manifest, rules
        self._revision = self._digest(())
        self._revisions = [self._digest(patches) for _, patches in rules]

    @classmethod
    def all(
        cls, resources: Iterable[Mapping[str, Any]], overrides: Sequence[Mapping[str, Any]]
    ) -> list["Revised"]:
        """Each manifest with the overrides that are for it; an override is {resource, clusters, patches}."""
        found = []
        for resource in resources:
            manifest = dict(resource)
            selected = placement.selector(manifest)
            rules = [
                (override["clusters"], override["patches"])
                for override in overrides
                if placement.selector(dict(override["resource"])) == selected
            ]
            found.append(cls(manifest, placement.disjoint(rules)))
        return found

    def marked(self, template: dict[str, Any]) -> dict[str, Any]:
        """What is written of it, with its revision; the template has annotations."""
        template["metadata"]["annotations"][delivery.REVISION] = self._revision
        return template

    @property
    def marked_rules(self) -> list[placement.Rule]:
        """The rules, each of which leaves its own revision."""
        path = "/metadata/annotations/" + delivery.REVISION.replace("/", "~1")
        return [
            (clusters, [*patches, {"op": "replace", "path": path, "value": revision}])
            for (clusters, patches), revision in zip(self.rules, self._revisions, strict=True)
        ]

    @property
    def expectation(self) -> dict[str, Any]:
        """What is waited for."""
        different = {
            cluster: revision
            for (clusters, _), revision in zip(self.rules, self._revisions, strict=True)
            for cluster in clusters
        }
        found = {**placement.selector(self.manifest), "revision": self._revision}
        return found | ({"revisions": different} if different else {})

    def _digest(self, patches: Sequence[Mapping[str, Any]]) -> pulumi.Output[str]:
        content = pulumi.Output.json_dumps(concealed.shown([self.manifest, list(patches)]), sort_keys=True)
        return content.apply(lambda text: hashlib.sha256(text.encode()).hexdigest()[:16])
