"""What the `atoll` command does, for programs."""

from collections.abc import Sequence
from pathlib import Path

from atoll.automation import planning, running
from atoll.automation.reports import Report
from atoll.automation.selection import WHOLE, Asked
from atoll.automation.show import Screen
from atoll.host import Environment


class Stack:
    """One environment of a checkout: `stacks/NAME.yaml` of the folder `project`.

    Each method does what the command of its name does and returns its report, whose `code` is the command's exit code.
    What is `asked` for, by limit and tags, is all that a run touches.
    Nothing is printed but problems, on standard error, unless `quiet` is off. The caller's working directory and
    variables stay as they are. Of several calls at once on one environment, one is refused.

    Raises:
        AtollError: what keeps a run from beginning (`SettingsError`, `LockedError`, `UnavailableError`, ...). What fails
            in the course of one stands in its report.
    """

    def __init__(self, name: str, project: Path | str = ".", *, quiet: bool = True) -> None:
        self._environment = Environment.of(Path(project), name)
        self._quiet = quiet

    def check(self, asked: Asked = WHOLE) -> Report:
        """Says what `up` would change, and changes nothing; `Exit.CHANGES` where it would."""
        return running.check(self._environment, self._screen(), asked=asked)

    def plan(self, out: Path) -> Report:
        """Writes down what `up` would do, for `up` with that plan."""
        return planning.make(self._environment, self._screen(), out)

    def up(self, asked: Asked = WHOLE, *, plan: Path | None = None, confirmed: Sequence[str] = ()) -> Report:
        """Makes the environment fit its inventory, by a plan where one is given.

        Of a protected one nothing that holds data goes but what is `confirmed` by its name, URN or cluster.
        """
        wish = running.Wish(plan, confirmed=confirmed, asked=asked)
        return planning.up(self._environment, self._screen(), wish)

    def drift(self, asked: Asked = WHOLE) -> Report:
        """Says what is live otherwise than the last run left it, and changes nothing; `Exit.DRIFT` where something is."""
        return running.drift(self._environment, self._screen(), asked=asked)

    def refresh(self, asked: Asked = WHOLE) -> Report:
        """Writes what is live into the state, and changes nothing else."""
        return running.refresh(self._environment, self._screen(), asked=asked)

    def recap(self) -> Report:
        """Says what is live, cluster by cluster."""
        return running.recap_of(self._environment, self._screen())

    def _screen(self) -> Screen:
        return Screen(quiet=self._quiet)
