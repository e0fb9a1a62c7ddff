"""Which steps of a sequence keep a share of every single model's quality, by a test that is valid at any sample size.

Learn then Test (Angelopoulos, Bates, Candès, Jordan and Lei, 2021, section 3.2, fixed sequence testing). Its null
hypotheses are about means of paired differences, which are bounded and mostly small: Clopper-Pearson needs yes or no, and
the Hoeffding-Bentkus p-value of that paper knows the bound but not the small variance. So each is tested by betting
(Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", 2024, section 4), as valid and far
tighter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from router_training.contract import FloatArray

LARGEST_STAKE = 0.5  # share of the capital at risk; one bad draw does not end the game
RESAMPLES = 40
MOST_DRAWS = 1_000_000
GROWTH = 1.25


@dataclass(frozen=True, eq=False)
class Certificate:
    """What the tests found: the position of the last step that passed, None where the first already failed.

    `draws` are the paired differences, one per distinct prompt, of that step (or of the first, where none passed) and
    `rival`, the position of the single model that is hardest to match.
    """

    step: int | None
    rival: int
    draws: FloatArray

    @property
    def margin(self) -> float:
        """Mean of the draws: how far quality lies above the claimed share of the rival's; NaN without draws."""
        return float(self.draws.mean()) if len(self.draws) else math.nan


def certify(
    quality: FloatArray,
    choices: NDArray[np.int64],
    groups: NDArray[np.int64],
    *,
    share: float,
    alpha: float,
    seed: int = 0,
) -> Certificate:
    """Test, step by step, whether a way to choose has at least `share` times every single model's mean quality.

    The first step that fails ends the sequence; then all that passed hold at once with confidence 1 - alpha. A step
    passes only where it passes against every single model, so that none had to be named the best by looking.
    Near-duplicate prompts depend on one another, so the mean of each group is one draw: the claim is about distinct prompts.

    Args:
        quality: of n calibration tasks and m models, shape (n, m) in [0, 1], NaN where missing; a task counts in a
            comparison where both sides are known.
        choices: position of the chosen model, shape (k, n), safest step first; fixed without looking at `quality`.
        groups: number of each task's group of near-duplicates, shape (n,).
        share: above 0.
        alpha: chance of a false claim, in (0, 1).
        seed: of the order in which draws are seen.
    """
    order = np.random.default_rng(seed).permutation(len(np.unique(groups)))
    passed: Certificate | None = None
    for step, choice in enumerate(choices):
        got = quality[np.arange(len(quality)), choice]
        draws = [_draws(got - share * rival, groups, order) for rival in quality.T]
        p_values = [betting_p_value(values, -share, 1.0, alpha) for values in draws]
        rival = int(np.argmax(p_values))
        if p_values[rival] > alpha:
            return passed or Certificate(None, rival, draws[rival])
        passed = Certificate(step, rival, draws[rival])
    return passed or Certificate(None, 0, np.zeros(0))


def betting_p_value(draws: FloatArray, low: float, high: float, alpha: float) -> float:
    """Return a p-value of "the mean is at most 0" for draws in [low, high], low < 0 < high, in the order given.

    It is 1 / max_t K_t with K_t = prod_{i<=t} (1 + lambda_i (X_i - m)), where X are the draws scaled to [0, 1] and m is
    what 0 becomes; lambda_i is the predictable plug-in of Waudby-Smith and Ramdas (2024, section 4.1). K is a
    non-negative supermartingale under the null, so Ville's inequality makes the p-value valid; it is sharpest at level
    `alpha`. Without draws it is 1.
    """
    if not len(draws):
        return 1.0
    x = (draws - low) / (high - low)
    m = -low / (high - low)
    seen = np.arange(1, len(x) + 1)
    mean = (0.5 + np.cumsum(x)) / (seen + 1)
    variance = (0.25 + np.cumsum((x - mean) ** 2)) / (seen + 1)
    known_before = np.concatenate([[0.25], variance[:-1]])
    stake = np.minimum(np.sqrt(2.0 * math.log(1.0 / alpha) / (len(x) * known_before)), LARGEST_STAKE / m)
    log_capital = np.cumsum(np.log1p(stake * (x - m)))
    return math.exp(-max(0.0, float(log_capital.max())))


def draws_needed(draws: FloatArray, share: float, alpha: float, seed: int = 0) -> int | None:
    """Return about how many draws like these would pass the test four times out of five.

    Found by resampling these draws to ever larger sizes. None where that takes more than MOST_DRAWS, as it does wherever
    their mean is not above 0.
    """
    if not len(draws) or not draws.mean() > 0.0:
        return None
    rng = np.random.default_rng(seed)
    size = float(len(draws))
    while size <= MOST_DRAWS:
        tries = (rng.choice(draws, int(size)) for _ in range(RESAMPLES))
        passes = [betting_p_value(values, -share, 1.0, alpha) <= alpha for values in tries]
        if np.mean(passes) >= 0.8:
            return int(size)
        size *= GROWTH
    return None


def _draws(differences: FloatArray, groups: NDArray[np.int64], order: NDArray[np.int64]) -> FloatArray:
    """Return the mean difference of each group that has one, in the given order of groups."""
    known = np.isfinite(differences)
    place = np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(place[known], minlength=len(order))
    sums = np.bincount(place[known], weights=differences[known], minlength=len(order))
    seen = order[sizes[order] > 0]
    return np.asarray(sums[seen] / sizes[seen])
