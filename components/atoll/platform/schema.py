"""The JSON schema of an inventory, made from the models that read it: what an editor offers and marks. Pure.

It takes all that the models take. What holds between values (a group that nobody declares) only the models refuse.
"""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from atoll.platform.declaration import Declaration

DIALECT = GenerateJsonSchema.schema_dialect


class _Written(GenerateJsonSchema):
    """Of values that the models read by themselves, such as `90s`, as they are written."""

    def timedelta_schema(self, schema: core_schema.TimedeltaSchema) -> JsonSchemaValue:
        """A length of time; `off`, which YAML reads as false, stands for none."""
        del schema
        return {"anyOf": [{"type": "string"}, {"const": False}]}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Defaults are what follows from leaving a key out; they are no values that anybody writes."""
        return self.generate_inner(schema["schema"])


def schema() -> dict[str, Any]:
    """The schema, of the dialect `DIALECT`."""
    made = Declaration.model_json_schema(by_alias=True, schema_generator=_Written)
    return {"$schema": DIALECT, **made, "title": "Atoll inventory"}
