"""What training saw of tasks that it held out, kept with the policy so that any dial can be priced again later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from router_training.contract import Catalogue, FloatArray, Forecasts

Numbers = NDArray[np.floating[Any]]

MOST_TASKS = 4096


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Out-of-fold forecasts and outcomes of k training tasks and m models; all arrays (k, m), NaN where missing.

    `p_success` is calibrated; `read` and `written` are prompt and completion tokens. Free of prices.
    """

    p_success: Numbers
    quality: Numbers
    read_forecast: Numbers
    written_forecast: Numbers
    read: Numbers
    written: Numbers

    def __len__(self) -> int:
        return len(self.p_success)

    def sampled(self, most: int = MOST_TASKS, seed: int = 0) -> Self:
        """Return at most `most` of the tasks, drawn evenly, in single precision."""
        kept = np.sort(np.random.default_rng(seed).permutation(len(self))[:most])
        return type(self)(
            **{name: array[kept].astype(np.float32) for name, array in self.to_arrays().items()}
        )

    def forecasts(self, models: tuple[str, ...], catalogue: Catalogue) -> Forecasts:
        """Return what the policy would have forecast of these tasks, at the catalogue's prices."""
        usd = priced(self.read_forecast, self.written_forecast, models, catalogue)
        unknown = np.full_like(usd, np.nan)
        return Forecasts(models, self.p_success.astype(np.float64), usd, unknown, np.zeros(len(usd)))

    def usd(self, models: tuple[str, ...], catalogue: Catalogue) -> FloatArray:
        """Return what these tasks did cost, shape (k, m), at the catalogue's prices; NaN where no tokens were counted."""
        return priced(self.read, self.written, models, catalogue)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return every array by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Rebuild from `to_arrays`."""
        return cls(**{field.name: np.asarray(arrays[field.name], dtype=np.float32) for field in fields(cls)})


def priced(read: Numbers, written: Numbers, models: tuple[str, ...], catalogue: Catalogue) -> FloatArray:
    """Return the USD of calls with these token counts (n, m) at the catalogue's prices."""
    price_in = np.array([catalogue[name].usd_per_mtok_in for name in models])
    price_out = np.array([catalogue[name].usd_per_mtok_out for name in models])
    return np.asarray((price_in * read + price_out * written) / 1e6, dtype=np.float64)


def mean_of_chosen(forecast: Numbers, actual: Numbers, choice: NDArray[np.int64]) -> float:
    """Return the mean of what was chosen; where the outcome is missing, its forecast, corrected by the mean error.

    The difference estimator of survey sampling (Särndal, Swensson and Wretman, "Model assisted survey sampling", 1992,
    section 6.3): with nothing missing it is the plain mean, and it stays unbiased where outcomes are missing at random.
    """
    rows = np.arange(len(choice))
    expected, found = forecast[rows, choice].astype(np.float64), actual[rows, choice].astype(np.float64)
    seen = np.isfinite(found)
    error = float((found[seen] - expected[seen]).mean()) if seen.any() else 0.0
    return float(expected.mean()) + error
