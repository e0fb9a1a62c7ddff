"""A promise with a test behind it: at this dial the router keeps a share of the best single model's quality."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from router_training.catalogue import usd_per_call
from router_training.contract import DataError, FloatArray, UsageError
from router_training.judging.risk_control import Certificate, certify, draws_needed
from router_training.outcomes import OutcomeTable
from router_training.tables.merging import GATE_SHARE, TEST_SHARE

if TYPE_CHECKING:
    from router_training.policy import Policy

EXAMPLE = '"quality>=0.97 of best, confidence 0.95"'
CALIBRATION_SHARE = TEST_SHARE * (1.0 - GATE_SHARE)  # of all tasks; see `merging.three_parts`
_NUMBER = r"\d+(?:\.\d+)?|\.\d+"
_CLAIM = re.compile(
    rf"\s*quality\s*>=\s*(?P<share>{_NUMBER})\s*of\s+best\s*,\s*confidence\s*(?P<confidence>{_NUMBER})\s*"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Mean quality at least `share` times that of every single model, with this confidence."""

    share: float
    confidence: float

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= 2.0:
            raise UsageError(
                f"the promised share is {self.share:g}, but must be above 0 and at most 2; write {EXAMPLE}"
            )
        if not 0.5 <= self.confidence < 1.0:
            raise UsageError(
                f"the promised confidence is {self.confidence:g}, but must lie in [0.5, 1); write {EXAMPLE}"
            )

    @classmethod
    def parse(cls, text: str) -> Claim:
        """Read a claim such as "quality>=0.97 of best, confidence 0.95".

        Raises:
            UsageError: if it reads otherwise, or a number is out of range.
        """
        found = _CLAIM.fullmatch(text)
        if found is None:
            raise UsageError(f"the promise {text!r} cannot be read; write {EXAMPLE}")
        return cls(float(found["share"]), float(found["confidence"]))

    def __str__(self) -> str:
        return f"quality>={self.share:g} of best, confidence {self.confidence:g}"


@dataclass(frozen=True, slots=True)
class Promise:
    """A claim that the data support at one dial, and all that it rests on.

    `quality_share` and `usd_share` are what calibration measured, of the best single model there (`best`); `n_prompts`
    counts distinct calibration prompts. It holds for prompts like those, at these prices, among these models, without
    capabilities being asked for.
    """

    claim: Claim
    dial: float
    n_prompts: int
    quality_share: float
    usd_share: float
    best: str
    models: tuple[str, ...]
    data_digest: str
    calibration_digest: str
    price_digest: str

    def sentence(self) -> str:
        """Return the promise as a risk officer reads it."""
        return (
            f"at dial {self.dial:.3f} at least {self.claim.share:.1%} of the quality of the best single model, with "
            f"{self.claim.confidence:.1%} confidence (measured {self.quality_share:.1%} of {self.best}'s quality at "
            f"{self.usd_share:.0%} of its cost, on {self.n_prompts:,} prompts kept aside)"
        )

    def to_row(self) -> dict[str, Any]:
        """Return the promise as plain values."""
        return {**asdict(self), "models": list(self.models)}

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Promise:
        """Rebuild from `to_row`."""
        return cls(**{**row, "claim": Claim(**row["claim"]), "models": tuple(row["models"])})


@dataclass(frozen=True, slots=True)
class PromiseStatus:
    """Whether a promise holds now, and one sentence that says what is promised or why nothing is."""

    holds: bool
    sentence: str


def promise_status(
    promise: Promise | None,
    models: Sequence[str],
    price_digest: str,
    data_digest: str,
    dial: float | None = None,
) -> PromiseStatus:
    """Return whether the promise stands for a router of these models, prices and training data, served at this dial."""
    if promise is None:
        return PromiseStatus(False, f"No promise was made; train with --promise {EXAMPLE} for one.")
    changed = [
        reason
        for reason, was, now in (
            (
                f"it was made for {', '.join(promise.models)}, and the router now chooses among {', '.join(models)}",
                promise.models,
                tuple(models),
            ),
            ("prices have changed since it was made", promise.price_digest, price_digest),
            ("the router was trained on other data since", promise.data_digest, data_digest),
        )
        if was != now
    ]
    if changed:
        return PromiseStatus(False, f"The promise is void: {changed[0]}; train again with --promise.")
    if dial is not None and dial != promise.dial:
        return PromiseStatus(
            False, f"Promised: {promise.sentence()}; dial {dial:g} is not covered: use dial {promise.dial!r}."
        )
    return PromiseStatus(True, f"Promised: {promise.sentence()}.")


def make_promise(policy: Policy, calibration: OutcomeTable, claim: Claim, seed: int = 0) -> Promise:
    """Return the cheapest dial at which `calibration` supports the claim, as a promise.

    The sequence of dials starts where the policy's own held-out tasks saw the best quality and goes down to the
    cheapest; it is fixed before calibration is looked at.

    Args:
        policy: what is promised of.
        calibration: outcomes that nothing of the policy was fitted on or chosen by.
        claim: what to promise.
        seed: of the order in which prompts are seen.

    Raises:
        DataError: if the data do not support the claim; the sentence says how many more labels would.
    """
    absent = [name for name in policy.models if name not in calibration.models]
    if absent:
        raise DataError(
            f"calibration has no outcomes of {absent[0]!r}; label it, or leave it out of the router"
        )
    columns = [calibration.models.index(name) for name in policy.models]
    quality = calibration.quality[:, columns]
    dials = safe_to_cheap(policy)
    forecasts = policy.forecast(calibration.prompts)
    choices = np.stack([policy.decide(forecasts, dial) for dial in dials])
    alpha = 1.0 - claim.confidence
    found = certify(quality, choices, calibration.groups, share=claim.share, alpha=alpha, seed=seed)
    if found.step is None:
        raise DataError(_refusal(claim, found, policy.models[found.rival], dials[0], seed))
    best = int(np.nanargmax(np.nanmean(quality, axis=0)))
    usd = usd_per_call(calibration, policy.catalogue)[:, columns]
    choice = choices[found.step]
    return Promise(
        claim=claim,
        dial=dials[found.step],
        n_prompts=len(found.draws),
        quality_share=_share(quality, choice, best),
        usd_share=_share(usd, choice, best),
        best=policy.models[best],
        models=policy.models,
        data_digest=str(policy.metadata["data_digest"]),
        calibration_digest=calibration.digest,
        price_digest=str(policy.metadata["price_digest"]),
    )


def safe_to_cheap(policy: Policy) -> list[float]:
    """Return the dials to test: from that of the best held-out quality, ties to the higher, down to the cheapest."""
    points = [point for point in policy.operating_points if point.dial is not None]
    safest = max(points, key=lambda point: (point.quality, point.dial))
    dials = sorted((point.dial for point in points if point.dial is not None), reverse=True)
    return [dial for dial in dials if safest.dial is not None and dial <= safest.dial]


def _share(values: FloatArray, choice: NDArray[np.int64], best: int) -> float:
    """Return the mean of what was chosen over the mean of the best single model, on tasks where both are known."""
    got, rival = values[np.arange(len(values)), choice], values[:, best]
    both = np.isfinite(got) & np.isfinite(rival)
    return float(got[both].mean() / rival[both].mean()) if rival[both].any() else 1.0


def _refusal(claim: Claim, found: Certificate, rival: str, dial: float, seed: int) -> str:
    """Return why the claim cannot be promised, and how many more labels would change that."""
    n = len(found.draws)
    if not found.margin > 0.0:
        return (
            f"the promise {str(claim)!r} is refused: on {n:,} calibration prompts the router at its safest dial "
            f"({dial:.3f}) falls {-found.margin:.4f} short of {claim.share:g} of the quality of {rival}, which more labels "
            "alone do not mend; promise a smaller share"
        )
    needed = draws_needed(found.draws, claim.share, 1.0 - claim.confidence, seed)
    more = "a million" if needed is None else f"{_rounded((max(needed, n + 1) - n) / CALIBRATION_SHARE):,}"
    return (
        f"the promise {str(claim)!r} is refused: on {n:,} calibration prompts the router at its safest dial ({dial:.3f}) "
        f"lies {found.margin:.4f} above {claim.share:g} of the quality of {rival}, too little to be sure; {'over' if needed is None else 'about'} "
        f"{more} more labelled tasks, one in {1 / CALIBRATION_SHARE:.0f} of them for calibration, would support it if that "
        "margin holds, or promise a smaller share"
    )


def _rounded(count: float) -> int:
    """Keep two significant digits: more would claim to know more."""
    return int(float(f"{count:.1e}"))
