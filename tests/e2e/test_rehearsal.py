"""What `make rehearse` does: prod as its inventory says it, on this machine."""

import tempfile
from pathlib import Path

import psutil
import pytest

from e2e import rehearsal

pytestmark = pytest.mark.timeout(600)


def test_prod_comes_up_twice_and_goes_down_as_make_rehearse_says(monkeypatch):
    steps: list[str] = []
    # Not below tmp_path: sockets live in it, so that its path has to be short.
    with tempfile.TemporaryDirectory(prefix="r-") as short:
        monkeypatch.setattr(tempfile, "tempdir", short)

        rehearsal.run(steps.append)

        assert list(Path(short).iterdir()) == []
        lines = [" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])]
    assert not [line for line in lines if short in line]
    begun = [step.partition(":")[0] for step in steps[1:-1]]
    assert begun == [
        "bootstrap",
        "plan",
        "up --plan",
        "up again, from another machine",
        "destroy and down",
        "down",
    ]
