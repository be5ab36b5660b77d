"""The conformance suite of the stand-in: as many programs as are spoken of, each checked against something."""

import json
import os
import re
import sys
from pathlib import Path

from atoll.core import command

PROGRAMS = 150
_TESTS = Path(__file__).parents[1]
_NAMED = re.compile(
    r"https://|[\w/.-]+\.(?:go|proto)\b|[A-Z]{4,}|tests/|the (?:setting|description|error text|`get`)|issue|pull request"
)
"""How a source is called: a page, a file, a guide that the module's docstring spells out, or a word for one."""


def test_there_are_as_many_programs_as_are_spoken_of_and_each_names_what_it_is_checked_against():
    # Both in one test: the collection imports the whole suite, and each worker would do it anew.
    argv = [sys.executable, "-m", "harness.counting", str(_TESTS / "conformance" / "kubernetes")]
    done = command.run(argv, env={**os.environ, "PYTHONPATH": str(_TESTS)}, cwd=_TESTS.parent)
    sources = json.loads(done.stdout)

    assert len(sources) >= PROGRAMS
    assert [case for case, source in sources.items() if not _NAMED.search(source)] == []
