"""Label by design: ask in batches, each chosen by what the answers before it taught, until more would not pay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from router_training import labelling
from router_training.active_design import PILOT, Gain, Labels, Mask, doubling_gain, in_race, next_cells
from router_training.contract import Catalogue, Task, Vectors
from router_training.labels.asking import Plan, Told
from router_training.labels.budget import usd_expected
from router_training.labels.calls import Asker, send
from router_training.labels.grading import Grading, graded
from router_training.labels.journal import Journal

GROWTH = 0.5  # a batch, as a share of what was asked before it
SMALLEST = 60  # cells of a batch
Said = Callable[[str], None]


@dataclass(frozen=True)
class Designed:
    """A run by design: its table holds the models in the race; `out_of_race` answers are in the journal alone."""

    labelled: labelling.Labelled
    out_of_race: tuple[str, ...]


def draw(tasks: Sequence[Task], count: int, seed: int) -> list[Task]:
    """Return `count` tasks drawn at random, in the order of the file; all where there are no more."""
    rows = np.random.default_rng(seed).permutation(len(tasks))[:count]
    return [tasks[i] for i in np.sort(rows)]


def label_by_design(
    tasks: Sequence[Task],
    catalogue: Catalogue,
    folder: Path,
    *,
    vectors: Vectors,
    cells: int,
    plan: Plan,
    grading: Grading,
    seed: int = 0,
    asker: Asker = send,
    told: Told | None = None,
    said: Said = lambda _: None,
) -> Designed:
    """Ask at most `cells` cells of tasks and models, in the order of `next_cells`, and write the outcome table.

    A run that is cut continues from its journal. It ends early where the last half of the labels brought a router
    nothing worth having, which `said` is told.

    Args:
        tasks: All tasks that may be asked.
        catalogue: The models.
        folder: Where journal and table are.
        vectors: Of the prompts, shape (n, d).
        cells: At most so many are asked, earlier runs into the folder included.
        plan: How to ask; its `wanted` is set here.
        grading: How to grade.
        seed: Of all that is drawn.
        asker: Makes the calls.
        told: Is told how far a batch is.
        said: Is told, in a sentence, what was concluded.
    """
    usd = np.array([[usd_expected(card, task) for card in catalogue.values()] for task in tasks])
    while True:
        labels = _labels(tasks, catalogue, folder, grading, vectors, usd)
        asked = int(labels.asked.sum())
        rng = np.random.default_rng([seed, asked])
        gain = _gain(labels, rng)
        if asked >= cells or labels.asked.all() or (gain is not None and not gain.may_pay):
            break
        batch = next_cells(labels, min(cells - asked, max(SMALLEST, int(GROWTH * asked))), rng)
        done = _ask(tasks, catalogue, folder, plan, grading, batch, asker, told)
        if done.tally.stopped or done.tally.asked == 0:
            return Designed(done, ())
    if gain is not None and not gain.may_pay and asked < cells:
        said(
            f"Stopped at {asked:,} of {cells:,} cells: the second half of the labels brought {gain.value:+.4f} quality a "
            f"task (standard error {gain.error:.4f}), so more would hardly pay."
        )
    return _finished(tasks, catalogue, folder, plan, grading, labels, said)


def _labels(
    tasks: Sequence[Task],
    catalogue: Catalogue,
    folder: Path,
    grading: Grading,
    vectors: Vectors,
    usd: np.ndarray,
) -> Labels:
    path = folder / labelling.JOURNAL
    journal = Journal.read(path)
    shape = len(tasks), len(catalogue)
    asked = [journal.state(task.task_id, name) is not None for task in tasks for name in catalogue]
    found = [outcome.quality for outcome in graded(tasks, catalogue, path, grading)]
    quality = np.array([np.nan if one is None else one for one in found], dtype=np.float64)
    return Labels(vectors, usd, quality.reshape(shape), np.array(asked, dtype=bool).reshape(shape))


def _gain(labels: Labels, rng: np.random.Generator) -> Gain | None:
    """Return what the second half of the labels brought, None while there are too few to say."""
    if (
        labels.asked.all(axis=1).sum() < min(PILOT, len(labels.asked))
        or labels.asked.any(axis=1).sum() < 2 * PILOT
    ):
        return None
    return doubling_gain(labels, rng)


def _ask(
    tasks: Sequence[Task],
    catalogue: Catalogue,
    folder: Path,
    plan: Plan,
    grading: Grading,
    batch: Mask,
    asker: Asker,
    told: Told | None,
) -> labelling.Labelled:
    names = list(catalogue)
    wanted = {(tasks[i].task_id, names[j]) for i, j in np.argwhere(batch)}
    mine = replace(plan, wanted=lambda task_id, model: (task_id, model) in wanted)
    return labelling.label(tasks, catalogue, folder, plan=mine, grading=grading, asker=asker, told=told)


def _finished(
    tasks: Sequence[Task],
    catalogue: Catalogue,
    folder: Path,
    plan: Plan,
    grading: Grading,
    labels: Labels,
    said: Said,
) -> Designed:
    """Write the table of the models in the race: of the others too few labels are there to learn from."""
    racing = in_race(labels)
    names = np.array(list(catalogue))
    if not racing.all():
        said(
            f"{', '.join(names[~racing])} left the race: surely below the mixes of other models at that price. The answers "
            "are in the journal, not in the table; --regrade writes them too."
        )
    kept = {name: catalogue[name] for name in names[racing]}
    done = labelling.label(tasks, kept, folder, plan=plan, grading=grading, ask_models=False)
    return Designed(done, tuple(str(name) for name in names[~racing]))
