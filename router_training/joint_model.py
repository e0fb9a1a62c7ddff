"""What several answers tell together: one confidence for each, and whom to ask next; trained beside the policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from router_training.answers.boosted_trees import BoostedTrees
from router_training.contract import Attempt, DataError, FloatArray, Forecast
from router_training.joint.answer_grid import NOBODY, AnswerGrid, Indices, agreement, log_lengths
from router_training.joint.combination import MOST_ASKED, Combination
from router_training.joint.gains import inputs
from router_training.joint.plans import ANYONE, Plans
from router_training.joint.prompt_prior import PromptPrior
from router_training.learning.estimation import logit, sigmoid
from router_training.learning.policy_files import REMEDY, read_folder, write_folder
from router_training.likelihood import worth

KIND = "joint_model"
JOINT_FOLDER = "joint"
COMBINED = "agreement"
CHECK = "check"
ASKED_ANYWAY = 0.9


@dataclass(frozen=True, eq=False)
class JointModel:
    """Weighs all answers to a prompt together, and says whether another is worth its price.

    `metadata` holds out-of-fold figures: `ece` of the combined confidence, `curve` (quality and cost of the best plan
    at each dial, in units of `usd_scale`), `best` (the best single model's name, quality and cost) and `matching_dial`,
    the lowest dial that reaches the best single model's quality, null where none does.
    """

    models: tuple[str, ...]
    prior: PromptPrior
    combination: Combination
    gains: BoostedTrees
    plans: Plans
    metadata: Mapping[str, Any]

    def confidence(
        self, prompt: str, forecasts: Sequence[Forecast], attempts: Sequence[Attempt]
    ) -> tuple[float | None, ...]:
        """Return the probability that each attempt is right, given all of them; None where that is not known.

        Only answers of models that were in training are weighed, each model's latest.
        """
        known = self._known(attempts)
        if not known:
            return (None,) * len(attempts)
        grid = self._seen(prompt, forecasts, known)
        asked = np.array([list(known)])
        p = dict(
            zip(known, self.combination.confidence(grid, np.zeros(1, dtype=np.int64), asked)[0], strict=True)
        )
        position = {id(attempt): place for place, attempt in known.items()}
        return tuple(
            float(p[position[id(attempt)]]) if id(attempt) in position else None for attempt in attempts
        )

    def following(
        self,
        prompt: str,
        forecasts: Sequence[Forecast],
        attempts: Sequence[Attempt],
        usable: Sequence[str],
        *,
        price: float,
        usd_scale: float,
        together: float = ASKED_ANYWAY,
    ) -> tuple[str, ...]:
        """Return whom to ask next, empty where the best answer in hand is worth more than any further call.

        Two models are named where the second was asked after the first on a share of `together` of the tasks or more.

        Args:
            prompt: the task.
            forecasts: of all models.
            attempts: the calls so far.
            usable: models that may be asked now.
            price: what a call that costs `usd_scale` weighs in quality.
            usd_scale: in USD.
            together: in [0, 1].
        """
        known, free = self._known(attempts), {self.models.index(one) for one in usable if one in self.models}
        if len(known) >= MOST_ASKED:
            return ()
        fitting = np.array(
            [self._fits(plan, list(known), free) for plan in self.plans.models.tolist()], dtype=bool
        )
        if not fitting.any():
            return ()
        grid = self._seen(prompt, forecasts, known, usd_scale)
        best, place = int(self.plans.best(price, grid, fitting)[0]), self.plans.place(price)
        first, second, third = self.plans.models[best].tolist()
        if not known:
            both = second != NOBODY and self.plans.second_share[place, best] >= together
            return tuple(self.models[one] for one in ((first, second) if both else (first,)))
        asked, task = np.array([list(known)]), np.zeros(1, dtype=np.int64)
        p = self.combination.confidence(grid, task, asked)
        if len(known) == 1:
            doubtful = second != NOBODY and p.max() < self.plans.threshold[place, best]
            return (self.models[second],) if doubtful else ()
        if third == NOBODY or grid.agrees[0, *known]:
            return ()
        return (self.models[third],) if third != ANYONE else self._anyone(grid, asked, p, free, price)

    def _anyone(
        self, grid: AnswerGrid, asked: Indices, p: FloatArray, free: set[int], price: float
    ) -> tuple[str, ...]:
        """Return the model that is forecast to bring most for its price, if that is worth it."""
        net = {k: self._gain(grid, asked, p, k) - price * grid.usd[0, k] for k in sorted(free)}
        worth = max(net, key=lambda k: net[k], default=NOBODY)
        return (self.models[worth],) if worth != NOBODY and net[worth] > 0.0 else ()

    def _gain(self, grid: AnswerGrid, asked: Indices, p: FloatArray, following: int) -> float:
        task, after = np.zeros(1, dtype=np.int64), np.array([following])
        return float(self.gains.score(inputs(grid, self.combination.pairs, task, asked, p, after))[0])

    def _known(self, attempts: Sequence[Attempt]) -> dict[int, Attempt]:
        """Return the answers to weigh by the position of their model, in the order given."""
        return {
            self.models.index(one.model): one
            for one in attempts
            if one.text is not None and one.model in self.models
        }

    @staticmethod
    def _fits(plan: list[int], asked: list[int], free: set[int]) -> bool:
        """Tell whether a plan begins with the models asked, in any order, and goes on with models that are free."""
        begun, rest = plan[: len(asked)], [one for one in plan[len(asked) :] if one >= 0]
        return sorted(begun) == sorted(asked) and set(rest) <= free

    def _seen(
        self, prompt: str, forecasts: Sequence[Forecast], known: Mapping[int, Attempt], usd_scale: float = 1.0
    ) -> AnswerGrid:
        """Return the request as a grid of one task."""
        expected = {forecast.model: forecast.usd for forecast in forecasts}
        usd = np.array([expected.get(one, np.inf) for one in self.models])
        (prior,), topics = self.prior.read([prompt])
        given = {forecast.model: forecast.p_success for forecast in forecasts}
        alone = [
            worth_alone(known[j], prior[j], given.get(name)) if j in known else prior[j]
            for j, name in enumerate(self.models)
        ]
        texts = [known[j].text if j in known else None for j in range(len(self.models))]
        agrees, is_nothing = agreement(prompt, texts)
        unknown = np.full((1, len(self.models)), np.nan)
        return AnswerGrid(
            quality=unknown,
            agrees=agrees[None],
            evidence=logit(np.array(alone))[None],
            prior=logit(prior)[None],
            topics=topics,
            usd=usd[None] / usd_scale,
            paid=unknown,
            log_chars=log_lengths(texts)[None],
            is_nothing=is_nothing[None],
        )

    def save(self, path: Path | str) -> None:
        """Write a folder that `load_joint_model` reads; no pickle.

        Raises:
            DataError: if the folder cannot be written.
        """
        arrays = {
            **self.prior.to_arrays(),
            **self.combination.to_arrays(),
            **{f"gains_{name}": array for name, array in self.gains.to_arrays().items()},
            **self.plans.to_arrays(),
        }
        write_folder(Path(path), KIND, {"models": list(self.models), "metadata": dict(self.metadata)}, arrays)


def worth_alone(attempt: Attempt, p_prior: float, p_forecast: float | None = None) -> float:
    """Return what an answer is worth looked at by itself: see `likelihood.worth`.

    What a checking model said adds its log-odds.
    """
    alone = worth((one for one in attempt.evidence if one.kind not in (COMBINED, CHECK)), p_prior, p_forecast)
    checks = [one.p_correct for one in attempt.evidence if one.kind == CHECK and one.p_correct is not None]
    return float(sigmoid(logit(np.array([alone, *checks])).sum()))


def load_joint_model(path: Path | str) -> JointModel:
    """Read a saved joint model.

    Raises:
        DataError: if the folder is no saved joint model, or is damaged.
    """
    manifest, arrays = read_folder(Path(path), KIND)
    try:
        trees = {
            name.removeprefix("gains_"): array for name, array in arrays.items() if name.startswith("gains_")
        }
        return JointModel(
            models=tuple(manifest["models"]),
            prior=PromptPrior.from_arrays(arrays),
            combination=Combination.from_arrays(arrays),
            gains=BoostedTrees.from_arrays(trees),
            plans=Plans.from_arrays(arrays),
            metadata=manifest["metadata"],
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{path} is damaged ({type(error).__name__}: {error}); {REMEDY}") from error
