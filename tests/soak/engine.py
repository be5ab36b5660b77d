"""`kill -9` of `atoll`, `pulumi` and each plugin at random moments of `up`, `destroy` and `down`."""

import contextlib
import random
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import psutil

from atoll.core.errors import Exit
from e2e import looking
from soak import ground as grounds
from soak.findings import Findings
from soak.ground import Census, Ground

MEMBERS = 1
_ENDS_WITHIN = 240.0
"""Seconds in which a disturbed run must have ended by itself: nothing hangs because something died."""
_ATOLL = "atoll"
_VICTIMS = re.compile(r"atoll|pulumi|plugin-\w+")
_GUEST = "skua"
"""The member that the change adds."""


@dataclass(frozen=True)
class Step:
    """One thing that is done to the environment, and what it is when it has been done.

    `extended` says whether the inventory holds the change while it runs; `regrets` whether it is taken back after
    the kill, so that the next run (`then`, unless it is the same again) must undo what the killed one had begun.
    """

    name: str
    words: tuple[str, ...]
    extended: bool
    reaches: str
    regrets: bool = False
    then: tuple[str, ...] = ()


UP = Step("up", ("up",), extended=False, reaches="up")
CHANGE = Step("change", ("up",), extended=True, reaches="changed")
REVERT = Step("revert", ("up",), extended=False, reaches="up")
REGRET = Step("regret", ("up",), extended=True, reaches="up", regrets=True)
DESTROY = Step("destroy", ("destroy",), extended=False, reaches="destroyed")
SPARE = Step("spare", ("destroy",), extended=False, reaches="up", regrets=True, then=("up",))
DOWN = Step("down", ("down",), extended=False, reaches="gone")
CYCLE = (UP, CHANGE, REVERT, REGRET, SPARE, DESTROY, UP, REGRET, CHANGE, DOWN)
"""Each step begins where the one before it ended."""


def run(findings: Findings, *, rounds: int, seed: int, keep: bool = False) -> None:
    """The whole loop on an environment of its own."""
    with grounds.made(MEMBERS, keep=keep) as ground:
        course = Course(ground, findings, random.Random(seed))
        course.learn()
        course.kill(rounds)


class Course:
    """The steps in their order: first undisturbed, to learn what is right, then each with a kill in it."""

    def __init__(self, ground: Ground, findings: Findings, chance: random.Random) -> None:
        self._ground, self._findings, self._chance = ground, findings, chance
        self._wanted: dict[str, Census] = {}
        self._lives: dict[tuple[str, str], float] = {}
        """For how long each victim lives in each step, in seconds."""
        self._decks: dict[str, list[str]] = {}

    def learn(self) -> None:
        """Takes every step undisturbed: what there is after it, and how long each victim lives in it."""
        for step in (UP, CHANGE, REVERT, DESTROY, UP, DOWN):
            with self._inventory(extended=step.extended):
                self._watch(step, self._start(step))
            census = self._ground.settled()
            differences = self._wanted.setdefault(step.reaches, census).differences(census)
            assert not differences, f"two undisturbed runs differ: {differences}"
            self._findings.say(f"undisturbed {step.name}: {_lives(self._lives, step)}")
        for name, regretted in ((CHANGE.name, REGRET.name), (DESTROY.name, SPARE.name)):
            known = {victim: life for (step, victim), life in self._lives.items() if step == name}
            self._lives.update({(regretted, victim): life for victim, life in known.items()})
        for name, census in self._wanted.items():
            self._findings.note(
                f"counted when {name}: objects, resources, files, processes, ports", _sizes(census)
            )

    def kill(self, rounds: int) -> None:
        """The steps of the cycle again and again, a kill in each."""
        for number in range(rounds):
            step = CYCLE[number % len(CYCLE)]
            victim = self._victim(step)
            after = self._chance.random() * self._lives[step.name, victim]
            with self._findings.round(f"{step.name}, kill {victim} after {after:.2f} s", number, rounds):
                try:
                    self.disturb(step, victim, after)
                except Exception:
                    self._begin_anew(step)
                    raise

    def expect(self, reaches: str, census: Census) -> None:
        """Takes what there is as right."""
        self._wanted[reaches] = census

    def disturb(self, step: Step, victim: str, after: float) -> None:
        """Takes a step with a kill in it; the next run must bring everything to where the step leads."""
        with self._inventory(extended=step.extended):
            run = self._start(step)
            self._strike(run, victim, after)
            begin = time.monotonic()
            run.communicate(timeout=_ENDS_WITHIN)
            self._findings.measure("seconds until a disturbed run ends", time.monotonic() - begin)
            if not step.regrets:
                self._again(step)
        if step.regrets:
            self._again(step)
        differences = self._ground.settles(self._wanted[step.reaches])
        assert not differences, differences

    def _strike(self, run: subprocess.Popen[str], victim: str, after: float) -> None:
        """Waits for the victim to be there and some more, and kills it; one that has ended before was not hit."""
        while run.poll() is None and not (found := self._find(run, victim)):
            time.sleep(0.01)
        begin = time.monotonic()
        while run.poll() is None and time.monotonic() < begin + after:
            time.sleep(0.01)
        found = self._find(run, victim)
        self._findings.measure(f"kills that hit {victim}", float(bool(found)))
        if found:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._chance.choice(found).kill()

    def _find(self, run: subprocess.Popen[str], victim: str) -> list[psutil.Process]:
        if victim == _ATOLL:
            return [psutil.Process(run.pid)] if run.poll() is None else []
        found = looking.workers(self._ground.environment.folder).get(victim, [])
        return sorted(found, key=lambda process: process.pid)

    def _again(self, step: Step) -> None:
        """The next run, which must be the last that is needed."""
        begin = time.monotonic()
        if (step.then or step.words) == ("up",):
            report = self._ground.up(code=None)
            assert report["exit"] == Exit.DONE, report["problems"]
            again = self._ground.up()
            assert again["changes"] == [], again["changes"]
        else:
            run = self._start(step)
            said, _ = run.communicate(timeout=_ENDS_WITHIN)
            assert run.returncode == 0, said
        self._findings.measure(
            f"seconds of the next run (and one more) after {step.name}", time.monotonic() - begin
        )

    def _begin_anew(self, failed: Step) -> None:
        """After a failed round: everything away, then what the next step counts on."""
        self._ground.checkout.atoll("down", self._ground.name, "--force", code=None)
        if failed.reaches in ("up", "changed"):
            with self._inventory(extended=failed.reaches == "changed"):
                self._ground.up()
        elif failed.reaches == "destroyed":
            self._ground.checkout.atoll("env", self._ground.name)

    def _start(self, step: Step) -> subprocess.Popen[str]:
        checkout, name = self._ground.checkout, self._ground.name
        if step.words == ("destroy",):
            prepared = f'eval "$({shlex.quote(checkout.command)} env {name})" && exec pulumi destroy --yes --skip-preview'
            return checkout.begin(["bash", "-c", prepared])
        return checkout.start(*step.words, name)

    def _watch(self, step: Step, run: subprocess.Popen[str]) -> None:
        """Lets a run end undisturbed, and notes for how long each victim lives."""
        seen: dict[str, tuple[float, float]] = {}
        while run.poll() is None:
            now = time.monotonic()
            for victim in self._living(step):
                seen[victim] = (seen.get(victim, (now, now))[0], now)
            time.sleep(0.05)
        said, _ = run.communicate()
        assert run.returncode == 0, said
        for victim, (first, last) in seen.items():
            self._lives[step.name, victim] = last - first

    def _living(self, step: Step) -> set[str]:
        """Who could be killed now, by role: whatever the plugins are made of shows here by itself."""
        working = looking.workers(self._ground.environment.folder)
        # What destroys by hand is a shell.
        command = set() if step.words == DESTROY.words else {_ATOLL}
        return command | {role for role in working if _VICTIMS.fullmatch(role)}

    def _victim(self, step: Step) -> str:
        """Each of a step's victims once before any a second time, in a random order."""
        deck = self._decks.setdefault(step.name, [])
        if not deck:
            known = sorted(victim for name, victim in self._lives if name == step.name)
            deck += self._chance.sample(known, len(known))
        return deck.pop()

    @contextlib.contextmanager
    def _inventory(self, *, extended: bool) -> Iterator[None]:
        def extend(inventory: dict[str, Any]) -> None:
            inventory["vars"] = {"logLevel": "debug"}
            inventory["clusters"][_GUEST] = {"driver": "local", "nodes": 1}

        unchanged: Callable[[dict[str, Any]], None] = lambda _inventory: None  # noqa: E731 - a change that is none
        with self._ground.checkout.edited(self._ground.name, extend if extended else unchanged):
            yield


def _lives(lives: dict[tuple[str, str], float], step: Step) -> str:
    return ", ".join(
        f"{victim} {seconds:.1f} s" for (name, victim), seconds in lives.items() if name == step.name
    )


def _sizes(census: Census) -> str:
    return ", ".join(str(getattr(census, field.name).total()) for field in fields(census))
