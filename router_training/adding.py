"""Add a model to a trained router from some tens of its own labelled tasks; nobody else is labelled again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from router_training.catalogue import price_digest, require_cards
from router_training.contract import Catalogue, DataError, FloatArray, Forecasts, ModelCard, UsageError
from router_training.features import surface_features
from router_training.judging.bootstrap import Interval
from router_training.judging.curves import chosen, hull_lift
from router_training.learning.added import AddedModel, fit_added
from router_training.learning.decision import decide
from router_training.learning.held_out import HeldOut
from router_training.learning.learned import Learned, character_counts
from router_training.learning.operating import DIALS
from router_training.learning.task_types import SHRINKAGE, TaskTypes
from router_training.learning.tokens import TokenModel, fit_tokens
from router_training.outcomes import OutcomeTable
from router_training.policy import Policy

FEWEST_LABELS = 40
FEWEST_JUDGED = 20  # labels that a point of the curve is judged on
REPEATS = 20
Z = 1.959964


@dataclass(frozen=True, slots=True)
class Payoff:
    """What the router gains from a model with so many labels: mean quality per task, and its standard deviation.

    The gain is the rise of the mean of the cost-quality hull, against not adding the model, over random draws
    of labels.
    """

    n_labels: int
    gain: float
    spread: float


@dataclass(frozen=True)
class Addition:
    """The policy with the new model, how good that model is on its labelled tasks, and what more labels would bring.

    `quality` has a 95% Wilson interval; `forecast` is what the policy will reckon with, on the safe side of it;
    `others` are the mean forecasts of the models that were there, on the same tasks.
    """

    policy: Policy
    n_labels: int
    n_left_out: int
    quality: Interval
    forecast: float
    others: dict[str, float]
    payoffs: tuple[Payoff, ...]


def add_model(
    policy: Policy, name: str, table: OutcomeTable, catalogue: Catalogue, *, seed: int = 0, curve: bool = True
) -> Addition:
    """Return the policy with the model called `name`, learned from its graded tasks in `table`.

    The others keep what they learned and their prices. A promise does not survive, since the models change.

    Args:
        policy: what to add to.
        name: of the new model.
        table: outcomes; only rows of `name` are read.
        catalogue: with the card of `name`.
        seed: of the draws behind `payoffs`.
        curve: whether to find `payoffs`, which takes most of the time.

    Raises:
        UsageError: if the policy knows the model already.
        DataError: if the model has no card, or fewer than FEWEST_LABELS graded tasks.
    """
    if name in policy.models:
        raise UsageError(
            f"the router chooses {name!r} already; train it again with `pointsman train` to teach it more of that model"
        )
    labelled, n_left_out = _labelled(table, name)
    require_cards(catalogue, [name])
    prompts, quality = labelled.prompts, labelled.quality[:, labelled.models.index(name)]
    vectors = policy.encoder.encode_cached(prompts)
    position = sorted([*policy.models, name]).index(name)
    inputs = policy.learned.scale.inputs(vectors, surface_features(prompts))
    p = policy.learned.p_success(inputs)
    added = fit_added(p, quality, position)
    mean = float(added.forecast(p).mean())
    learned = _joined(policy.learned, name, added, mean, labelled, inputs)
    grown = _policy(policy, learned, catalogue[name], labelled)
    return Addition(
        policy=grown,
        n_labels=len(labelled),
        n_left_out=n_left_out,
        quality=wilson(float(quality.mean()), len(quality)),
        forecast=mean,
        others=dict(zip(policy.models, p.mean(axis=0).tolist(), strict=True)),
        payoffs=payoffs(grown, grown.forecast_vectors(prompts, vectors), position, quality, seed)
        if curve
        else (),
    )


def wilson(mean: float, n: int) -> Interval:
    """Return a mean of n qualities in [0, 1] with its 95% interval.

    Wilson, "Probable inference, the law of succession, and statistical inference" (1927); wide enough for
    fractional qualities, which vary less than 0 and 1 do.
    """
    centre = (mean + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z / (1 + Z**2 / n) * float(np.sqrt(mean * (1 - mean) / n + Z**2 / (4 * n**2)))
    return Interval(mean, centre - half, centre + half)


def payoffs(
    policy: Policy, forecasts: Forecasts, position: int, quality: FloatArray, seed: int
) -> tuple[Payoff, ...]:
    """Return the gain at growing numbers of labels, learned from some of the labelled tasks and judged on the others.

    Of the models that were there no outcome is known on these tasks: their forecasts stand for it. None where there are
    too few labels to judge on.

    Args:
        policy: with the new model.
        forecasts: its own, of the n labelled prompts.
        position: of the new model.
        quality: the new model's, shape (n,).
        seed: of the draws.
    """
    rng, points = np.random.default_rng(seed), []
    for k in _sizes(len(quality)):
        gains = []
        for _ in range(REPEATS):
            order = rng.permutation(len(quality))
            gains.append(_gain(policy, forecasts, position, quality, order[:k], order[k:]))
        points.append(Payoff(k, float(np.mean(gains)), float(np.std(gains, ddof=1))))
    return tuple(points)


def _sizes(n: int) -> list[int]:
    """Return numbers of labels that double from 20, while enough remain to judge on."""
    most = n - max(FEWEST_JUDGED, n // 4)
    doubled = [20 * 2**i for i in range(20) if 20 * 2**i < 0.8 * most]
    return [*doubled, most] if most >= FEWEST_JUDGED else []


def _gain(
    policy: Policy,
    forecasts: Forecasts,
    position: int,
    quality: FloatArray,
    learn: NDArray[np.int64],
    judge: NDArray[np.int64],
) -> float:
    others = np.delete(forecasts.p_success, position, axis=1)
    p = fit_added(others[learn], quality[learn], position).extend(others[judge])
    usd = forecasts.usd[judge]
    found = p.copy()
    found[:, position] = quality[judge]
    without = p.copy()
    without[:, position] = -1e9  # never worth its price: nobody chooses it
    return _lift(policy, p, usd, found) - _lift(policy, without, usd, found)


def _lift(policy: Policy, p: FloatArray, usd: FloatArray, quality: FloatArray) -> float:
    forecasts = Forecasts(policy.models, p, usd, np.full_like(usd, np.nan), np.zeros(len(usd)))
    choices = np.stack([decide(forecasts, dial, policy.usd_scale) for dial in DIALS[1:].tolist()])
    paid, found = (chosen(matrix, choices).mean(axis=1) for matrix in (usd, quality))
    return hull_lift(paid, found, usd.mean(axis=0), quality.mean(axis=0))


def _labelled(table: OutcomeTable, name: str) -> tuple[OutcomeTable, int]:
    """Return the tasks that the model was graded on, and how many of its rows have no grade."""
    if name not in table.models:
        raise DataError(
            f"{table.origin} has no outcomes of {name!r} (found: {', '.join(table.models)}); "
            f"label at least {FEWEST_LABELS} tasks with it"
        )
    graded = np.flatnonzero(np.isfinite(table.quality[:, table.models.index(name)]))
    n_rows = int((table.frame["model"] == name).sum())
    if len(graded) < FEWEST_LABELS:
        left = f" ({n_rows - len(graded)} rows have an error or no grade)" if n_rows > len(graded) else ""
        raise DataError(
            f"{table.origin} grades {name!r} on {len(graded)} tasks{left}, but at least {FEWEST_LABELS} are needed; "
            f"label {FEWEST_LABELS - len(graded)} more"
        )
    return table.take(graded), n_rows - len(graded)


def _joined(
    learned: Learned,
    name: str,
    added: AddedModel,
    mean: float,
    labelled: OutcomeTable,
    inputs: NDArray[np.float32],
) -> Learned:
    """Return what was learned with one more column everywhere; `mean` is the new model's, on the safe side of luck."""
    at, models = added.position, (*learned.models[: added.position], name, *learned.models[added.position :])
    quality = labelled.quality[:, labelled.models.index(name)]
    own = fit_tokens(labelled, (name,), inputs)
    read, written, _ = own.forecast(inputs, character_counts(labelled.prompts))
    mean_tokens = np.array([read.mean(), written.mean()])
    tokens = {
        field.name: np.insert(getattr(learned.tokens, field.name), at, getattr(own, field.name)[0], axis=0)
        for field in fields(TokenModel)
    }
    held_out = learned.held_out
    return replace(
        learned,
        models=models,
        tokens=TokenModel(**tokens),
        mean_tokens=np.insert(learned.mean_tokens, at, mean_tokens, axis=1),
        mean_success=np.insert(learned.mean_success, at, mean),
        held_out=None if held_out is None else _held_out(held_out, added, learned.mean_tokens, mean_tokens),
        types=None
        if learned.types is None
        else _types(learned.types, inputs, at, quality, np.hstack([read, written])),
        added=(*learned.added, added),
    )


def _held_out(held_out: HeldOut, added: AddedModel, others: FloatArray, own: FloatArray) -> HeldOut:
    """Return the held-out tasks with the new model's forecasts; of its outcomes there nothing is known.

    Its tokens are taken to vary over prompts as the others' do on average.
    """
    at, unknown = added.position, np.nan
    read, written = (
        forecast.mean(axis=1) * own[i] / max(float(others[i].mean()), 1e-9)
        for i, forecast in enumerate((held_out.read_forecast, held_out.written_forecast))
    )
    columns = {
        "p_success": added.forecast(held_out.p_success),
        "read_forecast": read,
        "written_forecast": written,
    }
    return HeldOut(
        **{
            key: np.insert(array, at, columns.get(key, unknown), axis=1).astype(np.float32)
            for key, array in held_out.to_arrays().items()
        }
    )


def _types(
    types: TaskTypes, inputs: NDArray[np.float32], at: int, quality: FloatArray, tokens: FloatArray
) -> TaskTypes:
    """Return the types with the new model's means on the labelled tasks predicted to be of each."""
    weight = types.probabilities(inputs)
    mass = weight.sum(axis=0)

    def means(values: FloatArray) -> FloatArray:
        return np.asarray((weight.T @ values + SHRINKAGE * values.mean()) / (mass + SHRINKAGE))

    return replace(
        types,
        quality=np.insert(types.quality, at, means(quality), axis=1),
        prompt_tokens=np.insert(types.prompt_tokens, at, means(tokens[:, 0]), axis=1),
        completion_tokens=np.insert(types.completion_tokens, at, means(tokens[:, 1]), axis=1),
    )


def _policy(policy: Policy, learned: Learned, card: ModelCard, labelled: OutcomeTable) -> Policy:
    cards = {name: card if name == card.name else policy.catalogue[name] for name in learned.models}
    digest = hashlib.sha256(f"{policy.metadata['data_digest']}:{labelled.digest}".encode()).hexdigest()
    metadata = {
        **policy.metadata,
        "models": list(learned.models),
        "data_digest": digest,
        "price_digest": price_digest(cards),
        "usd_scale": policy.usd_scale,
        "added": [*policy.metadata.get("added", ()), {"model": card.name, "labels": len(labelled)}],
    }
    return replace(policy, learned=learned, catalogue=cards, metadata=metadata)
