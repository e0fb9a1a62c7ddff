"""One confidence from all answers to a prompt: what each is worth alone, who agrees, who does not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray
from router_training.joint.answer_grid import NOBODY, AnswerGrid, Flags, Indices
from router_training.joint.pair_tables import PairTables
from router_training.learning.estimation import fit_logistic, logit, sigmoid

SAMPLED_STATES = 40_000
STRENGTH = 0.03
FAVOUR = 2.0
PSEUDO_STATES = 30.0
MOST_TASKS = 3000
BY_A_HAIR = 1e-3
MOST_ASKED = 3


@dataclass(frozen=True, eq=False)
class Combination:
    """P(an answer is right | all answers): a logistic regression over features of the answer and its rivals.

    Beside it stand corrections in log-odds per model alone (m,), with one other (m, m, 2) and with two others
    (m, m, m, 5), each for one pattern of agreement: what was observed there against what the regression expected,
    drawn to none by PSEUDO_STATES. They hold what pairs and triples have in common, such as mistakes.
    """

    pairs: PairTables
    centre: FloatArray
    spread: FloatArray
    weights: FloatArray
    intercept: FloatArray
    alone: FloatArray
    with_one: FloatArray
    with_two: FloatArray

    def confidence(self, grid: AnswerGrid, tasks: Indices, asked: Indices) -> FloatArray:
        """Return the probability that each answer is right, shape (k, s); 0 where nobody was asked.

        Answers that agree share their log-odds; the one of the model whose shared answers are graded right most
        often leads by a hair, because graders look at wording too.

        Args:
            grid: where the answers are.
            tasks: which task each state belongs to, shape (k,).
            asked: the models asked in each state, shape (k, s), NOBODY for none; beyond MOST_ASKED answers an
                answer is weighed against every two of the others, and the mean of its log-odds counts.
        """
        scores = np.zeros(asked.shape)
        there = asked != NOBODY
        for place in range(asked.shape[1]):
            known = there[:, place]
            others = np.delete(asked, place, axis=1)[known]
            beside = [_padded(others[:, columns]) for columns in _at_most_two(others.shape[1])]
            each = [self._score(grid, tasks[known], asked[known, place], two) for two in beside]
            scores[known, place] = np.mean(each, axis=0)
        model = np.where(there, asked, 0)
        at = tasks[:, None, None]
        same = grid.agrees[at, model[:, :, None], model[:, None, :]] & there[:, :, None] & there[:, None, :]
        same |= np.eye(asked.shape[1], dtype=bool)
        shared = (same * scores[:, None, :]).sum(axis=2) / same.sum(axis=2)
        lead = BY_A_HAIR * (self.pairs.precision[model] - 1.0)
        nothing = grid.is_nothing[tasks[:, None], model]
        return np.where(there & ~nothing, np.clip(sigmoid(shared) + lead, 0.0, 1.0), 0.0)

    def _score(self, grid: AnswerGrid, tasks: Indices, model: Indices, others: Indices) -> FloatArray:
        X = (features(grid, self.pairs, tasks, model, others) - self.centre) / self.spread
        pattern = _pattern(grid, tasks, model, others)
        first, second = np.maximum(others, 0).T
        correction = np.select(
            [others[:, 0] == NOBODY, others[:, 1] == NOBODY],
            [self.alone[model], self.with_one[model, first, np.minimum(pattern, 1)]],
            self.with_two[model, first, second, pattern],
        )
        return np.asarray(X @ self.weights + self.intercept[0] + correction)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was learned."""
        return {
            **self.pairs.to_arrays(),
            **{f"combination_{name}": getattr(self, name) for name in LEARNED},
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild from `to_arrays`."""
        learned = {name: np.asarray(arrays[f"combination_{name}"], dtype=np.float64) for name in LEARNED}
        return cls(pairs=PairTables.from_arrays(arrays), **learned)


LEARNED = ("centre", "spread", "weights", "intercept", "alone", "with_one", "with_two")


def features(
    grid: AnswerGrid, pairs: PairTables, tasks: Indices, model: Indices, others: Indices
) -> FloatArray:
    """Return what the regression reads of the answer of `model` (k,) where `others` (k, 2) answered too."""
    there = others != NOBODY
    other = np.maximum(others, 0)
    same = there & grid.agrees[tasks[:, None], model[:, None], other]
    rival = there & ~same
    worth, skill = grid.evidence[tasks[:, None], other], pairs.skill[other]
    own = grid.evidence[tasks, model]
    n_same, n_rivals = same.sum(axis=1), rival.sum(axis=1)
    rivals_agree = rival.all(axis=1) & grid.agrees[tasks, other[:, 0], other[:, 1]]
    apart = own - (own + (worth * there).sum(axis=1)) / (1 + there.sum(axis=1))
    columns = [
        own,
        pairs.skill[model],
        grid.prior[tasks, model],
        (same * pairs.on[model[:, None], other]).sum(axis=1),
        (rival * pairs.off[model[:, None], other]).sum(axis=1),
        *(_most(values, among) for values in (worth, skill) for among in (same, rival)),
        *((values * among).sum(axis=1) for values in (worth,) for among in (same, rival)),
        rivals_agree,
        grid.is_nothing[tasks, model],
        *(count == n for count in (n_same, n_rivals) for n in (1, 2)),
        (n_same == 1) & (n_rivals == 1),
        own * (n_same > 0),
        own * (n_rivals > 0),
        *(apart * (n_rivals == n) for n in (1, 2)),
        apart * (n_same > 0),
    ]
    is_model = model[:, None] == np.arange(grid.n_models)
    alone = ((n_same == 0) & (n_rivals > 0))[:, None]
    by_model = [is_model, is_model & alone, is_model & (n_same > 0)[:, None]]
    return np.hstack([np.column_stack(columns).astype(np.float64), *by_model])


def _most(values: FloatArray, among: Flags) -> FloatArray:
    """Return the largest of the marked values in each row, 0 where none is marked."""
    most = np.where(among, values, -np.inf).max(axis=1)
    return np.where(among.any(axis=1), most, 0.0)


def _at_most_two(n_others: int) -> list[list[int]]:
    """Return the columns of the others that an answer is weighed against at a time."""
    if n_others < MOST_ASKED:
        return [list(range(n_others))]
    return [list(two) for two in itertools.combinations(range(n_others), MOST_ASKED - 1)]


def _padded(others: Indices) -> Indices:
    missing = MOST_ASKED - 1 - others.shape[1]
    return np.pad(others, ((0, 0), (0, missing)), constant_values=NOBODY) if missing else _first_known(others)


def _first_known(others: Indices) -> Indices:
    """Return the others with those that are there before those that are not."""
    return np.where((others[:, 0] == NOBODY)[:, None], others[:, ::-1], others)


def _pattern(grid: AnswerGrid, tasks: Indices, model: Indices, others: Indices) -> Indices:
    """Return who agrees: 0 none, 1 the first with the answer, 2 the second, 3 both, 4 the others with each other."""
    first, second = np.maximum(others, 0).T
    with_first = (others[:, 0] != NOBODY) & grid.agrees[tasks, model, first]
    with_second = (others[:, 1] != NOBODY) & grid.agrees[tasks, model, second]
    together = (others[:, 1] != NOBODY) & grid.agrees[tasks, first, second]
    return np.where(with_first | with_second, with_first + 2 * with_second, np.where(together, 4, 0)).astype(
        np.int64
    )


def fit_combination(grid: AnswerGrid, rng: np.random.Generator) -> Combination:
    """Learn from a grid in which every answer is known: all states of up to three answers can be played through."""
    n, m = len(grid), grid.n_models
    pairs = PairTables.of(grid)
    n_states = min(SAMPLED_STATES, n * m * (1 + math.comb(m, MOST_ASKED - 1)))
    tasks = rng.integers(0, n, n_states)
    luck = rng.gumbel(size=(n_states, m)) + FAVOUR * pairs.skill
    drawn = rng.permuted((-luck).argsort(axis=1)[:, :MOST_ASKED], axis=1)
    model, others = drawn[:, 0], _padded(drawn[:, 1:])
    size = rng.integers(0, min(m, MOST_ASKED), n_states)
    others = np.where(np.arange(MOST_ASKED - 1) < size[:, None], others, NOBODY)
    X = features(grid, pairs, tasks, model, others)
    centre, spread = X.mean(axis=0), X.std(axis=0)
    spread = np.where(spread > 1e-6, spread, 1.0)
    weights, intercept = fit_logistic((X - centre) / spread, grid.quality[tasks, model], STRENGTH)
    shapes = (np.zeros(m), np.zeros((m, m, 2)), np.zeros((m, m, m, 5)))
    plain = Combination(pairs, centre, spread, weights, np.array([intercept]), *shapes)
    sample = np.arange(n) if n <= MOST_TASKS else rng.choice(n, MOST_TASKS, replace=False)
    return Combination(
        pairs, centre, spread, weights, np.array([intercept]), *_corrections(plain, grid, sample)
    )


def _corrections(
    plain: Combination, grid: AnswerGrid, sample: Indices
) -> tuple[FloatArray, FloatArray, FloatArray]:
    m = grid.n_models
    alone, with_one, with_two = np.zeros(m), np.zeros((m, m, 2)), np.zeros((m, m, m, 5))
    for i in range(m):
        rest = [j for j in range(m) if j != i]
        for first, second in [
            (NOBODY, NOBODY),
            *((j, NOBODY) for j in rest),
            *itertools.combinations(rest, 2),
        ]:
            others = np.tile([first, second], (len(sample), 1))
            model = np.full(len(sample), i)
            p = sigmoid(plain._score(grid, sample, model, others))
            pattern = _pattern(grid, sample, model, others)
            found = _observed(p, grid.quality[sample, i], pattern)
            if first == NOBODY:
                alone[i] = found[0]
            elif second == NOBODY:
                with_one[i, first] = found[:2]
            else:
                with_two[i, first, second], with_two[i, second, first] = found, found[[0, 2, 1, 3, 4]]
    return alone, with_one, with_two


def _observed(p: FloatArray, quality: FloatArray, pattern: Indices) -> FloatArray:
    """Return for each of the 5 patterns by how much, in log-odds, what was observed exceeds what was expected."""
    count = np.bincount(pattern, minlength=5)
    expected = np.bincount(pattern, p, 5) / np.maximum(count, 1)
    drawn = (np.bincount(pattern, quality, 5) + PSEUDO_STATES * expected) / (count + PSEUDO_STATES)
    return np.where(count > 0, logit(drawn) - logit(expected), 0.0)
