"""Sealing with the KMS of an environment that was never brought up: nothing but its KMS is started."""

import shlex

import pytest

from atoll.core.errors import Exit
from e2e import checkout as checkouts

ENVIRONMENT = "test"


@pytest.fixture(scope="module")
def fresh():
    with checkouts.made() as made:
        yield made
        made.atoll("down", ENVIRONMENT, "--force", code=None)


def _shell(checkout, script, code=0):
    """Runs the command within a script in the checkout."""
    atoll = shlex.quote(checkout.command)
    return checkout.run(["bash", "-c", f"set -o pipefail; atoll={atoll}; {script}"], code=code)


def test_a_value_goes_through_pipes_and_survives_a_stop(fresh, tmp_path):
    line = _shell(fresh, f"printf s3cret | $atoll secrets seal {ENVIRONMENT} harbour/token").stdout
    sealed = tmp_path / "sealed"
    sealed.write_text(line)

    fresh.atoll("stop", ENVIRONMENT)

    assert _shell(fresh, f"$atoll secrets open {ENVIRONMENT} harbour/token - < {sealed}").stdout == "s3cret"
    said = _shell(fresh, f"$atoll secrets open {ENVIRONMENT} harbour/other {sealed}", Exit.REFUSED)
    assert said.stdout == ""
    assert len(said.stderr.splitlines()) == 1
    assert "harbour/other: found a message that does not open" in said.stderr


def test_a_file_that_takes_long_is_told_of_and_opens_again(fresh, tmp_path):
    plain, sealed = tmp_path / "plain", tmp_path / "large.sealed"
    plain.write_bytes(bytes(range(256)) * 16384)
    slow = f"{{ head -c 3000000 {plain}; sleep 4; tail -c +3000001 {plain}; }}"

    said = _shell(fresh, f"{slow} | $atoll secrets seal {ENVIRONMENT} large - --out {sealed}").stderr
    assert "secrets seal: 2 MiB read (" in said

    fresh.atoll("secrets", "rewrap", ENVIRONMENT, str(sealed))
    _shell(fresh, f"$atoll secrets open {ENVIRONMENT} large {sealed} | cmp - {plain}")
    cut = f"head -c 3000000 {sealed} | $atoll secrets open {ENVIRONMENT} large - > {tmp_path}/cut"
    assert "does not open" in _shell(fresh, cut, Exit.REFUSED).stderr


def test_a_copy_of_an_environment_opens_nothing_of_another(fresh, tmp_path):
    sealed = tmp_path / "of-test"
    _shell(fresh, f"printf x | $atoll secrets seal {ENVIRONMENT} token > {sealed}")

    fresh.atoll("secrets", "open", f"{ENVIRONMENT}-1", "token", str(sealed), code=Exit.REFUSED)
    fresh.atoll("down", f"{ENVIRONMENT}-1")
