"""What if prices changed, or another model came or went: the new frontier from what a saved policy kept of its training.

Nothing is trained, encoded or asked: a policy keeps out-of-fold forecasts and outcomes of some thousand tasks, free of
prices, and every dial can be priced again from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from router_training.catalogue import price_digest, require_cards
from router_training.contract import Catalogue, DataError, UsageError
from router_training.judging.curves import Hull, aiq, best_constant, hull_lift, upper_hull
from router_training.learning.held_out import HeldOut
from router_training.learning.operating import OperatingPoint, operating_points
from router_training.learning.policy_files import ARRAYS_FILE, REMEDY, cards_from_rows, read_manifest

KIND = "policy"
QUALITY_SHARES = (0.9, 0.95, 1.0)


@dataclass(frozen=True, slots=True)
class Assumed:
    """A model that nobody has asked yet: taken to do what `like` does, `points` (of quality, in [-1, 1]) better or worse."""

    name: str
    like: str
    points: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read NAME=LIKE, NAME=LIKE+0.05 or NAME=LIKE-0.05.

        Raises:
            UsageError: if it reads otherwise.
        """
        name, _, rest = text.partition("=")
        for sign in "+-":
            like, found, points = rest.rpartition(sign)
            if found and like and _is_number(points):
                return cls(name, like, float(sign + points))._checked(text)
        return cls(name, rest)._checked(text)

    def _checked(self, text: str) -> Self:
        if not self.name or not self.like or not -1.0 <= self.points <= 1.0:
            raise UsageError(
                f"{text!r} does not say what the new model is like; write NAME=LIKE, or NAME=LIKE+0.05 for 5 points better"
            )
        return self


@dataclass(frozen=True, eq=False)
class Plan:
    """What planning needs of a policy: tasks of its training part with forecasts made without them, the cards, and what a dial weighs."""

    models: tuple[str, ...]
    held_out: HeldOut
    catalogue: Catalogue
    usd_scale: float


@dataclass(frozen=True)
class Frontier:
    """What a plan comes to: USD and quality per task of every constant and dial, and the least cost of a share of quality.

    `lift` is the hull lift over mixes of constants. `cheapest` has, per share of the best constant's quality, the cheapest point
    that reaches it; None where none does.
    """

    constants: tuple[OperatingPoint, ...]
    dials: tuple[OperatingPoint, ...]
    hull: Hull
    lift: float
    aiq: float
    best: OperatingPoint
    cheapest: Mapping[float, OperatingPoint | None]

    def as_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values."""
        return asdict(self)


def read_plan(path: Path) -> Plan:
    """Read a saved policy's part for planning; neither its encoder nor its success model is loaded.

    Raises:
        DataError: if the folder is no saved policy, or keeps no held-out tasks.
    """
    manifest = read_manifest(path, KIND)
    try:
        with np.load(path / ARRAYS_FILE, allow_pickle=False) as arrays:
            kept = {
                name.removeprefix("held_out."): arrays[name]
                for name in arrays
                if name.startswith("held_out.")
            }
        catalogue = cards_from_rows(manifest["catalogue"])
        scale = float(manifest["metadata"]["usd_scale"])
        models = tuple(manifest["models"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged ({type(error).__name__}: {error}); {REMEDY}") from error
    if not kept:
        raise DataError(f"{path} keeps no held-out tasks to plan with; {REMEDY}")
    return Plan(models, HeldOut.from_arrays(kept), catalogue, scale or 1.0)


def changed(
    plan: Plan,
    *,
    catalogue: Catalogue | None = None,
    added: Sequence[Assumed] = (),
    dropped: Sequence[str] = (),
) -> Plan:
    """Return the plan with new prices, models that are assumed, and without others.

    Args:
        plan: what there is.
        catalogue: new cards; a model without one keeps its own, an assumed one that of the model it is like.
        added: models to assume.
        dropped: models to leave out.

    Raises:
        UsageError: if a name is unknown or taken, or no two models are left.
    """
    cards = {**plan.catalogue, **(catalogue or {})}
    for one in added:
        plan = _with(plan, one)
        cards.setdefault(one.name, replace(cards[one.like], name=one.name))
    for name in dropped:
        _require(name, plan.models)
    kept = [j for j, name in enumerate(plan.models) if name not in dropped]
    if len(kept) < 2:
        raise UsageError("a router chooses between at least two models, but fewer are left; drop fewer")
    models = tuple(plan.models[j] for j in kept)
    require_cards(cards, models)
    arrays = {name: array[:, kept] for name, array in plan.held_out.to_arrays().items()}
    return Plan(models, HeldOut.from_arrays(arrays), {name: cards[name] for name in models}, plan.usd_scale)


def differs(plan: Plan, other: Plan) -> bool:
    """Tell whether two plans differ in their models or in a price."""
    digests = [price_digest({name: one.catalogue[name] for name in one.models}) for one in (plan, other)]
    return digests[0] != digests[1]


def _with(plan: Plan, one: Assumed) -> Plan:
    """Add a model whose every forecast and outcome is that of another, moved so that its mean quality moves by `points`.

    Better: each shortfall from 1 shrinks in the same proportion; worse: each quality does.
    """
    _require(one.like, plan.models)
    if one.name in plan.models:
        raise UsageError(f"{one.name!r} is one of the policy's models already; choose another name")
    j = plan.models.index(one.like)
    arrays = {
        name: np.column_stack([array, array[:, j]]) for name, array in plan.held_out.to_arrays().items()
    }
    mean = float(np.nanmean(arrays["quality"][:, j]))
    for name in ("quality", "p_success"):
        arrays[name][:, -1] = _moved(arrays[name][:, -1], mean, one.points)
    return replace(plan, models=(*plan.models, one.name), held_out=HeldOut.from_arrays(arrays))


def _moved(quality: NDArray[np.generic], mean: float, points: float) -> NDArray[np.float64]:
    values = np.asarray(quality, dtype=np.float64)
    if points >= 0.0:
        return values + (1.0 - values) * min(1.0, points / max(1.0 - mean, 1e-9))
    return values * max(0.0, 1.0 + points / max(mean, 1e-9))


def _require(name: str, models: Sequence[str]) -> None:
    if name not in models:
        raise UsageError(
            f"the policy knows no model {name!r} (found: {', '.join(models)}); name one of those"
        )


def frontier(plan: Plan) -> Frontier:
    """Return what every constant and every dial comes to on the held-out tasks, at the plan's prices."""
    points = operating_points(plan.held_out, plan.models, plan.catalogue, plan.usd_scale)
    constants = tuple(point for point in points if point.model is not None)
    dials = tuple(point for point in points if point.dial is not None)
    usd, quality = np.array([(one.usd, one.quality) for one in constants]).T
    swept = np.array([(one.usd, one.quality) for one in dials]).T
    best = constants[best_constant(usd, quality)]
    hull = upper_hull(np.append(swept[0], usd.min()), np.append(swept[1], quality[usd.argmin()]))
    return Frontier(
        constants,
        dials,
        hull,
        hull_lift(swept[0], swept[1], usd, quality),
        aiq(hull, usd),
        best,
        {share: _cheapest(points, share * best.quality) for share in QUALITY_SHARES},
    )


def _cheapest(points: Sequence[OperatingPoint], quality: float) -> OperatingPoint | None:
    able = [point for point in points if point.quality >= quality - 1e-9]
    return min(able, key=lambda point: (point.usd, -point.quality)) if able else None


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()
