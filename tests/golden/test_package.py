"""The schema that other languages get is derived from the components."""

import json

from atoll.provider import components
from atoll.provider.atoll import SCHEMA
from harness import golden


def test_the_schema_of_the_package_is_what_its_components_say():
    golden.compare(SCHEMA, json.dumps(components.derived(), indent=2, sort_keys=True) + "\n")


def test_every_property_of_a_component_says_what_it_is():
    for name, component in components.derived()["resources"].items():
        for kind in ("inputProperties", "properties"):
            for each, said in component[kind].items():
                assert said.get("description"), f"{name}: {each}"
