"""What a report must be in each format, told by schemas that are not of the code that writes it, or that it ships."""

import functools
import importlib.util
import json
from pathlib import Path

import jsonschema
from lxml import etree

from atoll.automation import reports
from atoll.automation.answers import Format

_WHOLE, _SUITE = ("Any-JUnit", "PyTest-JUnit"), ("Ant-JUnit4",)
"""JUnit has no schema of its own: these are of pyEDAA.Reports, for what pytest, Ant and others write."""
_LIMIT = 65_536


def check(form: Format, text: str) -> None:
    """Fails where a text is no report of the format."""
    match form:
        case Format.JSON:
            _valid(json.loads(text), stream=False)
        case Format.NDJSON:
            lines = [json.loads(line) for line in text.splitlines()]
            for line in lines:
                _valid(line, stream=True)
            assert [line["type"] == "report" for line in lines] == [*(False for _ in lines[1:]), True]
        case Format.MARKDOWN:
            assert text.startswith("<!-- atoll: ")
            assert len(text) < _LIMIT
        case Format.JUNIT:
            _valid_junit(text)
        case Format.HUMAN:
            assert "\x1b" not in text


def _valid(value: object, *, stream: bool) -> None:
    schema = reports.schema(stream=stream)
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    validator.check_schema(schema)
    validator.validate(value)


def _valid_junit(text: str) -> None:
    document = etree.fromstring(text.encode())
    for kind in _WHOLE:
        _schema(kind).assertValid(document)
    for suite in document:
        for kind in _SUITE:
            _schema(kind).assertValid(etree.fromstring(etree.tostring(suite)))
    for element in (document, *document.iter("testsuite")):
        counts = {name: len(list(element.iter(tag))) for name, tag in _COUNTED.items()}
        assert {name: int(element.get(name, "")) for name in _COUNTED} == counts


_COUNTED = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}


@functools.cache
def _schema(kind: str) -> etree.XMLSchema:
    found = importlib.util.find_spec("pyEDAA.Reports")
    assert found is not None
    assert found.origin is not None
    return etree.XMLSchema(file=str(Path(found.origin).parent / "Resources" / f"{kind}.xsd"))
