"""The components that other languages get, and what a package of Pulumi's tells of them.

It loads the SDK and every component, so that only what serves a program in another language imports it. Their schema
is derived from their annotations and docstrings; what is served is the file beside this module, which a test compares.

A component is left out whose inputs another language cannot give: resources of the program itself.
"""

from typing import Any

import pulumi
from pulumi.provider import Provider
from pulumi.provider.experimental.analyzer import Analyzer, PropertyDefinition, TypeDefinition
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.provider.experimental.schema import generate_schema

from atoll.cluster import Cluster
from atoll.core import naming
from atoll.federation import Bundle, ControlPlane, Member, Propagation
from atoll.provider import versions
from atoll.registry import Registry
from atoll.secrets import Key

COMPONENTS: tuple[type[pulumi.ComponentResource], ...] = (
    Bundle,
    Cluster,
    ControlPlane,
    Key,
    Member,
    Propagation,
    Registry,
)
_RESOURCES = "#/resources/"
_INSIDE = frozenset({"gate", "ready", "reference"})
"""Attributes that a program in Python uses and one in another language cannot."""
_ONLY_PYTHON = frozenset({"after"})
"""Inputs that are resources of a program in Python; elsewhere the option dependsOn says it."""
_LEFT_OUT = PropertyDefinition()


class _Analyzer(Analyzer):
    """Reads our components: their attributes that are no outputs are left out."""

    def analyze_type(
        self, typ: type, *, is_component_output: bool
    ) -> tuple[dict[str, PropertyDefinition], dict[str, str]]:
        """The properties of a type, and how each is called in Python."""
        found, names = super().analyze_type(typ, is_component_output=is_component_output)
        kept = {name: each for name, each in found.items() if each is not _LEFT_OUT}
        return kept, {name: names[name] for name in kept}

    def analyze_property(self, arg: Any, typ: type, name: str, **options: Any) -> PropertyDefinition:
        """One property: of a component of ours a reference, and nothing of what another language cannot use."""
        if name in (_INSIDE if options["is_component_output"] else _ONLY_PYTHON):
            return _LEFT_OUT
        if arg is ControlPlane:
            return PropertyDefinition(
                ref=f"{_RESOURCES}{naming.type_token(arg.__name__)}",
                optional=bool(options.get("optional")),
                description=self.get_docstring(typ, name),
            )
        return super().analyze_property(arg, typ, name, **options)


class Package(ComponentProvider):
    """The components as the SDK constructs them for another language."""

    def __init__(self) -> None:
        self._name = naming.PACKAGE
        self.analyzer = _Analyzer(naming.PACKAGE)
        found = self.analyzer.analyze([*COMPONENTS])
        self._components = {each.__name__: each for each in COMPONENTS}
        self._component_defs = found["component_definitions"]
        self._type_defs = found["type_definitions"]
        self._external_enum_types = found["external_enum_types"]
        self._dependencies = []
        # Past the base's own constructor, which would ask an analyzer of its own. The schema is served by the plugin.
        Provider.__init__(self, versions.ATOLL)

    def get_type_definition(self, prop: PropertyDefinition) -> TypeDefinition | None:
        """What stands behind the type of a property; of a reference to a component nothing does."""
        if prop.ref and prop.ref.startswith(_RESOURCES):
            return None
        return super().get_type_definition(prop)


def derived() -> dict[str, Any]:
    """The schema, without a version: that of the package is the wheel's."""
    package = Package()
    definitions = package._component_defs, package._type_defs  # noqa: SLF001 - the base's, which shows them to no one
    schema = generate_schema(naming.PACKAGE, "", None, *definitions, [])
    found = schema.to_json()
    del found["version"]
    return found
