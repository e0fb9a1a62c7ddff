"""The artefact: turns prompts into forecasts, forecasts into choices; learns, saves and loads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from router_training.catalogue import catalogue_from_outcomes, price_digest, require_cards
from router_training.contract import Catalogue, DataError, FloatArray, Forecasts, UsageError, Vectors
from router_training.embedding import Encoder, load_encoder
from router_training.encoding.vector_cache import Progress
from router_training.guarantee import Promise, PromiseStatus, promise_status
from router_training.learning.choosing import Aim, able, affordable, choose_at
from router_training.learning.decision import decide
from router_training.learning.fitting import fit_learned
from router_training.learning.known_twin import KnownTwin
from router_training.learning.learned import Learned
from router_training.learning.operating import (
    OperatingPoint,
    best_within,
    cheapest_with,
    operating_points,
)
from router_training.learning.policy_files import (
    REMEDY,
    cards_from_rows,
    cards_to_rows,
    plain,
    read_folder,
    write_folder,
)
from router_training.learning.selection import CANDIDATES, Candidate
from router_training.outcomes import OutcomeTable, require_routable

KIND = "policy"
ENCODER_FOLDER = "encoder"
TWIN = "twin."


@dataclass(frozen=True, eq=False)
class Policy:
    """A trained router. Build it with `fit_policy` or `load_policy`.

    Prices come from `catalogue` when a forecast is made: a price change needs no retraining. `metadata` says what
    the policy was trained on, with what, and how its candidates fared. `promise` is what was promised of it at training;
    `promise_status` says whether that still stands. `twin` is what its shuffled twin forecasts of the tasks held out.
    """

    learned: Learned
    encoder: Encoder
    catalogue: Catalogue
    metadata: Mapping[str, Any]
    promise: Promise | None = None
    twin: KnownTwin | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """The models to choose from, sorted by name."""
        return self.learned.models

    @cached_property
    def usd_scale(self) -> float:
        """USD per task that weigh as much as certain success at dial 0.5; what `Learned.usd_scale` was in training.

        It stays when prices change, so that a dearer model never looks cheaper because the measure grew with it.
        """
        return float(self.metadata.get("usd_scale") or self.learned.usd_scale(self.catalogue))

    def forecast(self, prompts: Sequence[str]) -> Forecasts:
        """Return what to expect of every model on n prompts; `latency_s` is NaN where training knew no latency.

        Raises:
            UsageError: if `prompts` is one string, or holds something that is not a string.
        """
        texts = _texts(prompts)
        return self.forecast_vectors(texts, self.encoder.encode(texts))

    def forecast_vectors(self, prompts: Sequence[str], vectors: Vectors) -> Forecasts:
        """Return what `forecast` returns, given the encoder's vectors of the prompts, shape (n, d)."""
        return self.learned.forecast(prompts, vectors, self.catalogue)

    def expected_tokens(self, prompts: Sequence[str], vectors: Vectors) -> tuple[FloatArray, FloatArray]:
        """Return the prompt and completion tokens that forecasts reckon with, each of shape (n, m)."""
        return self.learned.expected_tokens(prompts, vectors)

    def decide(self, forecasts: Forecasts, dial: float) -> NDArray[np.int64]:
        """Return the position of the chosen model per prompt, shape (n,); see `decision.decide`."""
        return decide(forecasts, dial, self.usd_scale)

    def choose(
        self,
        prompts: Sequence[str],
        dial: float | None = None,
        *,
        min_quality: float | None = None,
        max_usd: float | None = None,
        max_usd_per_task: float | None = None,
        needs: Iterable[str] = (),
        language: str | None = None,
    ) -> list[str]:
        """Return one model name per prompt. A batch gets what its prompts would get alone.

        Args:
            prompts: n texts.
            dial: from 0 (cheap) to 1 (right); 0.8 where no other aim is given.
            min_quality: share of the best single model's quality to reach on average, as cheaply as possible.
            max_usd: USD per task to spend on average, for as much quality as possible.
            max_usd_per_task: USD that no single answer's forecast may exceed; the likeliest success among those.
            needs: capabilities that the model's card must declare, such as "vision".
            language: a code such as "de" that the card must declare, if it declares any.

        A model whose context is too short for a prompt is not chosen either.

        Raises:
            UsageError: if more than one aim is given, one is out of range or out of reach, no model can serve a
                prompt, or `prompts` is not a list of strings.
        """
        aim = Aim(dial, min_quality, max_usd, max_usd_per_task)
        forecasts = self.forecast(prompts)
        allowed = able(prompts, self.models, self.catalogue, frozenset(needs), language)
        if aim.max_usd_per_task is not None:
            allowed = affordable(forecasts, aim.max_usd_per_task, allowed)
        return [self.models[j] for j in choose_at(self._operating(aim), forecasts, self.usd_scale, allowed)]

    def operating_point(
        self, *, min_quality: float | None = None, max_usd: float | None = None
    ) -> OperatingPoint:
        """Return the dial or constant that serves this aim, with the quality and USD per task that held-out tasks show.

        Raises:
            UsageError: if not exactly one aim is given, or it is out of range or out of reach.
        """
        return self._operating(Aim(min_quality=min_quality, max_usd=max_usd))

    def _operating(self, aim: Aim) -> OperatingPoint:
        if aim.min_quality is not None:
            return cheapest_with(self.operating_points, aim.min_quality)
        if aim.max_usd is not None:
            return best_within(self.operating_points, aim.max_usd)
        return OperatingPoint(dial=1.0 if aim.dial is None else aim.dial)

    @cached_property
    def operating_points(self) -> tuple[OperatingPoint, ...]:
        """Every single model and many dials, each with its quality and cost on held-out tasks at these prices.

        Raises:
            UsageError: if the policy was saved without held-out tasks.
        """
        if self.learned.held_out is None:
            raise UsageError(f"this policy holds no held-out tasks to find a dial by; {REMEDY}")
        return operating_points(self.learned.held_out, self.models, self.catalogue, self.usd_scale)

    def best_of_type(self, task_type: str | None, dial: float) -> str | None:
        """Return the model that is worth most at this dial on tasks of a type; None for a type not seen."""
        return self.learned.best_of_type(task_type, dial, self.catalogue)

    def promise_status(self, dial: float | None = None) -> PromiseStatus:
        """Return whether what was promised at training stands, and covers this dial if one is given.

        A change of models, prices or data voids it.
        """
        prices, data = (str(self.metadata.get(name)) for name in ("price_digest", "data_digest"))
        return promise_status(self.promise, self.models, prices, data, dial)

    def with_catalogue(self, catalogue: Catalogue) -> Policy:
        """Return this policy at other prices.

        Raises:
            DataError: if a model of the policy has no card.
        """
        require_cards(catalogue, self.models)
        cards = {name: catalogue[name] for name in self.models}
        metadata = {**self.metadata, "price_digest": price_digest(cards)}
        return replace(self, catalogue=cards, metadata=metadata)

    def metadata_params(self) -> dict[str, str | int | float]:
        """Return the scalar part of the metadata, for a run's parameters."""
        return {key: value for key, value in self.metadata.items() if isinstance(value, str | int | float)}

    def save(self, path: Path | str) -> None:
        """Write a folder that `load_policy` reads: a manifest, arrays, and the encoder; no pickle.

        Raises:
            DataError: if the folder cannot be written.
        """
        path = Path(path)
        manifest = {
            "models": list(self.models),
            "success_model": self.learned.success_name,
            "catalogue": cards_to_rows(self.catalogue),
            "promise": None if self.promise is None else self.promise.to_row(),
            "metadata": plain(self.metadata),
        }
        twin = {} if self.twin is None else self.twin.to_arrays()
        control = {f"{TWIN}{name}": array for name, array in twin.items()}
        write_folder(path, KIND, manifest, self.learned.to_arrays() | control)
        self.encoder.save(path / ENCODER_FOLDER)


def load_policy(path: Path | str, catalogue: Catalogue | None = None) -> Policy:
    """Read a saved policy; its own prices stand unless a catalogue is given.

    Raises:
        DataError: if the folder is no saved policy, is damaged, or the catalogue lacks one of its models.
    """
    path = Path(path)
    manifest, arrays = read_folder(path, KIND)
    encoder = Encoder.load(path / ENCODER_FOLDER)
    try:
        learned = Learned.from_arrays(arrays, tuple(manifest["models"]), manifest["success_model"])
        cards = cards_from_rows(manifest["catalogue"])
        metadata = dict(manifest["metadata"])
        promised = manifest.get("promise")
        promise = None if promised is None else Promise.from_row(promised)
        control = {name.removeprefix(TWIN): arrays[name] for name in arrays if name.startswith(TWIN)}
        twin = KnownTwin.from_arrays(control) if control else None
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{path} is damaged ({type(error).__name__}: {error}); {REMEDY}") from error
    if metadata.get("encoder_digest") != encoder.digest:
        raise DataError(f"{path} holds another encoder than the one it was trained with; {REMEDY}")
    policy = Policy(learned, encoder, cards, metadata, promise, twin)
    return policy if catalogue is None else policy.with_catalogue(catalogue)


def fit_policy(
    table: OutcomeTable,
    *,
    catalogue: Catalogue | None = None,
    encoder: Encoder | None = None,
    seed: int = 0,
    candidates: Sequence[Candidate] | None = None,
    cache_dir: Path | str | None = None,
    progress: Progress | None = None,
) -> Policy:
    """Train a router on outcomes.

    Success models are compared by cross-validation over groups of near-duplicate prompts; the constant keeps its
    place unless it is clearly beaten. The winner is fitted on all tasks and calibrated on its out-of-fold forecasts.

    Args:
        table: outcomes of at least two models on at least two different prompts.
        catalogue: prices of all models; fitted to the table's costs when None.
        encoder: turns prompts into vectors; all-MiniLM-L6-v2 when None.
        seed: of what is sampled; the same table and seed give the same policy.
        candidates: success models to try beside the constant; `selection.CANDIDATES` when None.
        cache_dir: where vectors are kept between runs; see `cache_root`.
        progress: called with what is being done, how much is done, and how much there is.

    Raises:
        DataError: if there is nothing to choose from or to learn from, or a model has no price.
    """
    require_routable(table)
    cards = catalogue_from_outcomes(table) if catalogue is None else catalogue
    graded = [name for j, name in enumerate(table.models) if np.isfinite(table.quality[:, j]).any()]
    require_cards(cards, graded)
    cards = {name: cards[name] for name in graded}
    encoder = load_encoder(cache_dir=cache_dir) if encoder is None else encoder
    vectors = encoder.encode_cached(table.prompts, cache_dir, progress)
    with threadpool_limits(limits=1):  # these matrices are small: more BLAS threads wait for each other
        learned, figures = fit_learned(
            table,
            vectors,
            cards,
            CANDIDATES if candidates is None else candidates,
            seed=seed,
            progress=progress,
        )
    metadata = {
        "data_digest": table.digest,
        "price_digest": price_digest(cards),
        "usd_scale": learned.usd_scale(cards) if _any_price(cards) else 0.0,
        "encoder": encoder.name,
        "encoder_precision": encoder.settings.precision,
        "encoder_digest": encoder.digest,
        **figures,
    }
    return Policy(learned, encoder, cards, metadata)


def _any_price(catalogue: Catalogue) -> bool:
    return any(card.usd_per_mtok_in or card.usd_per_mtok_out for card in catalogue.values())


def _texts(prompts: Sequence[str]) -> list[str]:
    if isinstance(prompts, str):
        raise UsageError(f"prompts is one string ({prompts[:40]!r}); pass a list of strings: [prompt]")
    texts = list(prompts)
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise UsageError(f"prompt {i} is {type(text).__name__}, but must be a string; convert it first")
    return texts
