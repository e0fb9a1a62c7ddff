"""Each file here is one family of tasks; the family's name is the file's name.

A family offers `draw(rng, level) -> Draft`, level 1 (easy) to 5 (hard). Drawing is seeded, so the same call
makes the same tasks everywhere; a draft whose `key` was drawn before is drawn again, so nothing is asked twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pkgutil import iter_modules
from random import Random
from types import ModuleType
from typing import NamedTuple

from router_training.contract import Task, UsageError

LEVELS = (1, 2, 3, 4, 5)
_TRIES = 300


class Draft(NamedTuple):
    """A task before it has a name: `key` says what is asked, however it is worded."""

    prompt: str
    reference: str
    grader: str
    key: str = ""


class StarterTask(NamedTuple):
    """A task with its difficulty, 1 to 5."""

    task: Task
    level: int


def available() -> tuple[str, ...]:
    """Return the names of all families, sorted."""
    return tuple(sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_")))


def family(name: str) -> ModuleType:
    """Return the module of the family called `name`.

    Raises:
        UsageError: if no family has that name.
    """
    if name not in available():
        raise UsageError(f"unknown task family {name!r}; choose one of {', '.join(available())}")
    return import_module(f"{__name__}.{name}")


def load(name: str) -> Callable[[Random, int], Draft]:
    """Return the `draw` function of the family called `name`.

    Raises:
        UsageError: if no family has that name.
    """
    draw: Callable[[Random, int], Draft] = family(name).draw
    return draw


def make_family(name: str, count: int, seed: int = 0) -> list[StarterTask]:
    """Draw up to `count` different tasks of one family, levels in turn; fewer when the family is exhausted."""
    return list(_draw_family(name, count, Random(f"{name}/{seed}")))


def _draw_family(name: str, count: int, rng: Random) -> Iterator[StarterTask]:
    draw = load(name)
    seen: set[str] = set()
    for i in range(count):
        level = LEVELS[i % len(LEVELS)]
        for _ in range(_TRIES):
            draft = draw(rng, level)
            if not seen & {draft.prompt, draft.key or draft.prompt}:
                seen |= {draft.prompt, draft.key or draft.prompt}
                task = Task(draft.prompt, f"{name}-{i:03d}", name, draft.reference, draft.grader)
                yield StarterTask(task, level)
                break


def make_tasks(per_family: int = 80, seed: int = 0) -> list[StarterTask]:
    """Draw tasks of all families and shuffle them once, so that every prefix is a fair sample.

    The shuffle deals the families round by round: each run of as many tasks as there are families holds
    about one of each.
    """
    rng = Random(f"order/{seed}")
    placed: list[tuple[float, StarterTask]] = []
    for name in available():
        family = make_family(name, per_family, seed)
        rng.shuffle(family)
        placed += [((i + rng.random()) / len(family), task) for i, task in enumerate(family)]
    return [task for _, task in sorted(placed, key=lambda pair: pair[0])]
