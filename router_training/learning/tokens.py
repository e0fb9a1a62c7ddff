"""How many tokens a call reads and writes and how long it takes; prices come later, from the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from router_training.catalogue import USUAL_COMPLETION_TOKENS
from router_training.contract import Catalogue, FloatArray, Vectors
from router_training.outcomes import OutcomeTable

RIDGE = 3.0
FEWEST_OUTCOMES = 20
CHARS_PER_TOKEN = 4.0
HIGH = 0.95
"""The share of calls that stay below what is reckoned with before a call."""


@dataclass(frozen=True, eq=False)
class TokenModel:
    """What was learned of m models from d inputs.

    Completion tokens are exp(inputs @ weights + intercept) - 1, times a factor that makes the training mean right,
    kept within the range seen; prompt tokens are start + rate * characters; seconds are a + b * prompt + c * completion
    tokens. `latency` (m, 3) is NaN where no latency was recorded. `completion_high` and `latency_high` (m,) are the
    HIGH quantiles of actual / forecast on tasks that the forecast had not seen, at least 1.
    """

    weights: FloatArray
    intercept: FloatArray
    factor: FloatArray
    most: FloatArray
    prompt: FloatArray
    latency: FloatArray
    completion_high: FloatArray
    latency_high: FloatArray

    def forecast(self, inputs: Vectors, n_chars: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return (prompt tokens, completion tokens, seconds), each of shape (n, m)."""
        completion = _completion(inputs, self.weights, self.intercept, self.factor, self.most)
        prompt: FloatArray = self.prompt[:, 0] + self.prompt[:, 1] * n_chars[:, None]
        base, per_prompt, per_completion = self.latency.T
        return prompt, completion, base + per_prompt * prompt + per_completion * completion

    def high(self, completion: FloatArray, latency_s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the completion tokens and seconds, each (n, m), that HIGH of such calls stay below."""
        written = np.minimum(completion * self.completion_high, np.maximum(self.most, completion))
        return written, latency_s * self.latency_high

    def usd(
        self, prompt: FloatArray, completion: FloatArray, models: tuple[str, ...], catalogue: Catalogue
    ) -> FloatArray:
        """Return the price in USD of such calls at the catalogue's prices, shape (n, m)."""
        cards = [catalogue[name] for name in models]
        price_in = np.array([card.usd_per_mtok_in for card in cards])
        price_out = np.array([card.usd_per_mtok_out for card in cards])
        return (price_in * prompt + price_out * completion) / 1e6

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return all that was learned."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild from `to_arrays`."""
        return cls(**{field.name: np.asarray(arrays[field.name], dtype=np.float64) for field in fields(cls)})


def fit_tokens(table: OutcomeTable, models: tuple[str, ...], inputs: Vectors) -> TokenModel:
    """Learn token counts and seconds of `models` from the outcomes of n tasks with inputs (n, d).

    Where a model's tokens were never counted, it is taken to read CHARS_PER_TOKEN characters per token and to write
    USUAL_COMPLETION_TOKENS.
    """
    n_chars = np.array([len(prompt) for prompt in table.prompts], dtype=np.float64)
    rows = []
    for name in models:
        j = table.models.index(name)
        read, written, seconds = (
            matrix[:, j] for matrix in (table.prompt_tokens, table.completion_tokens, table.latency_s)
        )
        prompt, latency = _fit_prompt(n_chars, read), _fit_latency(read, written, seconds)
        unseen = _unseen_completion(inputs, written)
        forecast_s = latency @ np.stack([np.ones(len(unseen)), prompt[0] + prompt[1] * n_chars, unseen])
        high = (_high_ratio(written, unseen), _high_ratio(seconds, forecast_s))
        rows.append((*_fit_completion(inputs, written), prompt, latency, *high))
    return TokenModel(*(np.array(part) for part in zip(*rows, strict=True)))


def _completion(
    inputs: Vectors, weights: FloatArray, intercept: FloatArray, factor: FloatArray, most: FloatArray
) -> FloatArray:
    written = np.expm1(np.minimum(inputs @ weights.T + intercept, 20.0)) * factor
    return np.asarray(np.clip(written, 0.0, most))


def _unseen_completion(inputs: Vectors, tokens: FloatArray) -> FloatArray:
    """Return the completion tokens (n,) that each half of the tasks would have been forecast by the other half."""
    half = np.random.default_rng(0).permutation(len(tokens)) % 2
    unseen = np.empty(len(tokens))
    for side in (0, 1):
        fitted = _fit_completion(inputs[half != side], tokens[half != side])
        unseen[half == side] = _completion(inputs[half == side], *(np.asarray(part) for part in fitted))
    return unseen


def _high_ratio(actual: FloatArray, forecast: FloatArray) -> float:
    """Return the HIGH quantile of actual / forecast, at least 1; 1 where nothing was measured."""
    measured = np.isfinite(actual) & np.isfinite(forecast) & (forecast > 0.0)
    if not measured.any():
        return 1.0
    return max(1.0, float(np.quantile(actual[measured] / forecast[measured], HIGH, method="higher")))


def _fit_completion(inputs: Vectors, tokens: FloatArray) -> tuple[FloatArray, float, float, float]:
    """Return (weights, intercept, factor, most): ridge regression on log(1 + tokens)."""
    from sklearn.linear_model import Ridge  # spares serving its import

    seen = np.isfinite(tokens)
    mean = float(tokens[seen].mean()) if seen.any() else USUAL_COMPLETION_TOKENS
    flat = np.zeros(inputs.shape[1])
    most = float(tokens[seen].max()) if seen.any() else USUAL_COMPLETION_TOKENS
    if seen.sum() < FEWEST_OUTCOMES or np.ptp(tokens[seen]) == 0.0:
        return flat, float(np.log1p(mean)), 1.0, most
    model = Ridge(alpha=RIDGE).fit(inputs[seen].astype(np.float64), np.log1p(tokens[seen]))
    fitted = np.clip(np.expm1(model.predict(inputs[seen].astype(np.float64))), 0.0, most)
    factor = mean / float(fitted.mean()) if fitted.mean() > 0.0 else 1.0
    return np.asarray(model.coef_), float(model.intercept_), factor, most


def _fit_prompt(n_chars: FloatArray, tokens: FloatArray) -> FloatArray:
    """Return (start, rate), both at least 0, of prompt tokens as a function of characters."""
    seen = np.isfinite(tokens)
    if not seen.any():
        return np.array([0.0, 1.0 / CHARS_PER_TOKEN])
    return _non_negative(np.column_stack([np.ones(seen.sum()), n_chars[seen]]), tokens[seen])


def _fit_latency(read: FloatArray, written: FloatArray, seconds: FloatArray) -> FloatArray:
    """Return (base, per prompt token, per completion token) in seconds, all at least 0; NaN without latencies."""
    timed = np.isfinite(seconds)
    if not timed.any():
        return np.full(3, np.nan)
    seen = timed & np.isfinite(read) & np.isfinite(written)
    if not seen.any():
        return np.array([float(seconds[timed].mean()), 0.0, 0.0])
    return _non_negative(np.column_stack([np.ones(seen.sum()), read[seen], written[seen]]), seconds[seen])


def _non_negative(columns: FloatArray, target: FloatArray) -> FloatArray:
    from scipy.optimize import nnls  # spares serving its import

    return np.asarray(nnls(columns, target)[0])
