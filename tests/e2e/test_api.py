"""What a program of somebody's own does by `atoll.automation`, in a process and a folder of its own."""

import json
import sys
from datetime import timedelta

import pytest

from atoll.core import command
from atoll.core.errors import Exit

pytestmark = pytest.mark.timeout(900)
SCRIPT = """
import json, sys
from atoll.automation import Stack

stack = Stack("test", sys.argv[1])
reports = [stack.check(), stack.up(), stack.check(), stack.drift(), stack.recap()]
print(json.dumps([report.values() for report in reports]))
"""


def test_a_script_checks_brings_up_and_looks_and_prints_nothing_but_its_own(up, tmp_path):
    checkout, _ = up
    with checkout.edited("test", lambda it: it.update(vars={"logLevel": "trace"})):
        argv = [sys.executable, "-c", SCRIPT, str(checkout.folder)]
        done = command.run(argv, env=checkout.variables, cwd=tmp_path, timeout=timedelta(minutes=6))
        before, changed, after, drifted, live = json.loads(done.stdout)

    assert [each["exit"] for each in (before, changed, after, drifted, live)] == [
        Exit.CHANGES,
        *[Exit.DONE] * 4,
    ]
    assert {each["urn"] for each in changed["changes"]} == {each["urn"] for each in before["changes"]}
    assert any("settings" in each["urn"] for each in changed["changes"])
    assert set(live["clusters"]) == {"control-plane", "tern", "heron"}
    assert checkout.report("up", "test")["exit"] == Exit.DONE
