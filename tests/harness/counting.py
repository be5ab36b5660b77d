"""Counts the conformance programs and tells what each is checked against: `python -m harness.counting FOLDER`.

Prints JSON: the id of each case that runs a Pulumi program of its own, with its source. A case names it in its
docstring (`Source: ...`), or has a parameter with a field `source`.
"""

import contextlib
import io
import json
import sys
from typing import Any

import pytest

_FIXTURE = "program"
_MARK = "Source:"


class _Collected:
    """What pytest found."""

    def __init__(self) -> None:
        self.sources: dict[str, str] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Notes every case that has a program of its own."""
        for item in session.items:
            if isinstance(item, pytest.Function) and _FIXTURE in item.fixturenames:
                self.sources[item.nodeid] = _source(item)


def _source(item: pytest.Function) -> str:
    written = (item.function.__doc__ or "").partition(_MARK)[2].strip()
    parameters: dict[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    named = [value.source for value in parameters.values() if hasattr(value, "source")]
    return written or " ".join(named)


def main(folder: str) -> None:
    """Prints the cases of a folder."""
    found = _Collected()
    with contextlib.redirect_stdout(io.StringIO()):
        code = pytest.main(["--collect-only", "-q", "-p", "no:randomly", folder], plugins=[found])
    if code != pytest.ExitCode.OK:
        sys.exit(int(code))
    sys.stdout.write(json.dumps(found.sources))


if __name__ == "__main__":
    main(*sys.argv[1:])
