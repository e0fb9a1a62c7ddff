"""All that training found out about prompts and models, free of prices, and its form as plain arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_training import success_models
from router_training.calibration import Calibration
from router_training.contract import Catalogue, FloatArray, Forecasts, SuccessModel, Vectors
from router_training.features import surface_features
from router_training.judging.curves import best_constant
from router_training.learning.added import AddedModel, rebuild_added
from router_training.learning.held_out import HeldOut
from router_training.learning.inputs import InputScale
from router_training.learning.novelty import Novelty
from router_training.learning.task_types import TaskTypes
from router_training.learning.tokens import TokenModel

Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, eq=False)
class Learned:
    """The parts of a policy that come from outcomes.

    `mean_tokens` (2, m) are the training means of forecast prompt and completion tokens, `mean_success` (m,) those of
    quality. `held_out` is None where it was not kept, `types` where the tasks had no types. `success` and `calibration`
    know the models of training; those that joined later are `added`, in that order.
    """

    models: tuple[str, ...]
    success_name: str
    success: SuccessModel
    calibration: Calibration
    scale: InputScale
    tokens: TokenModel
    novelty: Novelty
    mean_tokens: FloatArray
    mean_success: FloatArray
    held_out: HeldOut | None = None
    types: TaskTypes | None = None
    added: tuple[AddedModel, ...] = ()

    def p_success(self, inputs: Vectors) -> FloatArray:
        """Return P(success) of every model, shape (n, m), for inputs (n, d)."""
        p = self.calibration.apply(self.success.predict(inputs))
        for model in self.added:
            p = model.extend(p)
        return p

    def forecast(self, prompts: Sequence[str], vectors: Vectors, catalogue: Catalogue) -> Forecasts:
        """Return forecasts for n prompts with vectors (n, d), at the catalogue's prices.

        As far as a prompt lies beyond training, its p_success is each model's mean, so that it is sent where a constant
        would send it.
        """
        inputs = self.scale.inputs(vectors, surface_features(prompts))
        read, written, latency_s = self.tokens.forecast(inputs, character_counts(prompts))
        written_high, latency_high_s = self.tokens.high(written, latency_s)
        longest = np.array([catalogue[name].max_tokens or np.inf for name in self.models])
        usd = self.tokens.usd(read, written, self.models, catalogue)
        usd_high = self.tokens.usd(read, np.minimum(written_high, longest), self.models, catalogue)
        distance = self.novelty.distance(vectors)
        trust = self.novelty.trust(distance)[:, None]
        return Forecasts(
            models=self.models,
            p_success=trust * self.p_success(inputs) + (1.0 - trust) * self.mean_success,
            usd=usd,
            latency_s=latency_s,
            novelty=self.novelty.rank(distance),
            usd_high=np.maximum(usd, usd_high),
            latency_high_s=latency_high_s,
            task_types=() if self.types is None else self.types.predict(inputs),
        )

    def expected_tokens(self, prompts: Sequence[str], vectors: Vectors) -> tuple[FloatArray, FloatArray]:
        """Return the prompt and completion tokens, each (n, m), behind the costs of `forecast`; free of prices."""
        inputs = self.scale.inputs(vectors, surface_features(prompts))
        read, written, _ = self.tokens.forecast(inputs, character_counts(prompts))
        return read, written

    def usd_scale(self, catalogue: Catalogue) -> float:
        """Return the mean forecast cost in USD of the best single model on the training prompts.

        Where that model is free, it is that of the dearest, and 1 where all is free. The dearest would not do for all:
        a useless model that costs a fortune would then change every choice.
        """
        prompt, completion = self.mean_tokens[:, None, :]
        usd = self.tokens.usd(prompt, completion, self.models, catalogue)[0]
        return float(usd[best_constant(usd, self.mean_success)]) or float(usd.max()) or 1.0

    def best_of_type(self, task_type: str | None, dial: float, catalogue: Catalogue) -> str | None:
        """Return the model of highest mean utility on the training tasks of a type; None for an unknown one."""
        types = self.types
        if types is None or task_type not in types.names:
            return None
        k, scale = types.names.index(task_type), self.usd_scale(catalogue)
        tokens = (types.prompt_tokens[k : k + 1], types.completion_tokens[k : k + 1])
        usd = self.tokens.usd(*tokens, self.models, catalogue)[0]
        utility = dial * types.quality[k] - (1.0 - dial) * usd / scale
        return min(zip(-utility, usd, self.models, strict=True))[2]

    def to_arrays(self) -> Arrays:
        """Return every learned number under `part.name`."""
        parts: dict[str, Arrays] = {
            "success": self.success.to_arrays(),
            "calibration": self.calibration.to_arrays(),
            "scale": self.scale.to_arrays(),
            "tokens": self.tokens.to_arrays(),
            "novelty": self.novelty.to_arrays(),
            "mean": {"tokens": self.mean_tokens, "success": self.mean_success},
            "held_out": {} if self.held_out is None else self.held_out.to_arrays(),
            "types": {} if self.types is None else self.types.to_arrays(),
            "added": {str(i): model.to_array() for i, model in enumerate(self.added)},
        }
        return {f"{part}.{name}": array for part, arrays in parts.items() for name, array in arrays.items()}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[np.generic]], models: tuple[str, ...], success: str
    ) -> Learned:
        """Rebuild from `to_arrays`; `success` names the success model."""
        held_out, types = _part(arrays, "held_out"), _part(arrays, "types")
        return cls(
            models=models,
            success_name=success,
            success=success_models.rebuild(success, _part(arrays, "success")),
            calibration=Calibration.from_arrays(_part(arrays, "calibration")),
            scale=InputScale.from_arrays(_part(arrays, "scale")),
            tokens=TokenModel.from_arrays(_part(arrays, "tokens")),
            novelty=Novelty.from_arrays(_part(arrays, "novelty")),
            mean_tokens=np.asarray(arrays["mean.tokens"], dtype=np.float64),
            mean_success=np.asarray(arrays["mean.success"], dtype=np.float64),
            held_out=HeldOut.from_arrays(held_out) if held_out else None,
            types=TaskTypes.from_arrays(types) if types else None,
            added=rebuild_added(_part(arrays, "added")),
        )


def character_counts(prompts: Sequence[str]) -> FloatArray:
    """Return the number of characters of each prompt, shape (n,)."""
    return np.array([len(prompt) for prompt in prompts], dtype=np.float64)


def _part(arrays: Mapping[str, NDArray[np.generic]], part: str) -> Arrays:
    start = f"{part}."
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}
