import json
import sys

import pytest

from atoll.automation import Stack
from atoll.core import command
from atoll.core.errors import SettingsError

_LAZY = """
import json, sys
import atoll.automation
before = [name for name in ("pulumi", "rich", "typer", "yaml") if name in sys.modules]
from atoll.automation import Report, Stack
print(json.dumps([before, Report.__module__, Stack.__module__]))
"""


def test_the_package_loads_nothing_before_a_part_of_it_is_asked_for():
    done = command.run([sys.executable, "-c", _LAZY])

    assert json.loads(done.stdout) == [[], "atoll.automation.reports", "atoll.automation.stack"]


@pytest.mark.parametrize("call", ["check", "drift", "recap", "refresh", "up"])
def test_what_keeps_a_run_from_beginning_is_raised(call, tmp_path, monkeypatch):
    monkeypatch.setenv("ATOLL_HOME", str(tmp_path / "home"))
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "dev.yaml").write_text("controlPlane: {driver: locl}\n")

    with pytest.raises(SettingsError, match="Did you mean 'local'"):
        getattr(Stack("dev", tmp_path), call)()
    assert not (tmp_path / "home").exists()
