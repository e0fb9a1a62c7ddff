"""Model cards and their prices: read from models.toml, or fitted to the costs in an outcome table."""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from router_training.contract import Catalogue, DataError, FloatArray, ModelCard
from router_training.listing import listed

if TYPE_CHECKING:
    from router_training.outcomes import OutcomeTable


@dataclass(frozen=True, slots=True)
class KeyRule:
    """What one key of a `[models.NAME]` table must be."""

    holds: Callable[[Any], bool]
    must_be: str


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_price(value: Any) -> bool:
    return _is_number(value) and value >= 0


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(_is_text(item) for item in value)


def _is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(date.fromisoformat(value))
    except ValueError:
        return False


_PRICE = KeyRule(_is_price, "a price in USD per million tokens, 0 or more")
_COUNT = KeyRule(_is_count, "a whole number of tokens above 0")
_TEXT = KeyRule(_is_text, "text in quotes")
_TEXTS = KeyRule(_is_texts, 'a list of texts such as ["text", "code"]')

KEYS = {
    "usd_per_mtok_in": _PRICE,
    "usd_per_mtok_out": _PRICE,
    "usd_per_mtok_in_cached": _PRICE,
    "context_tokens": _COUNT,
    "capabilities": _TEXTS,
    "languages": KeyRule(_is_texts, 'a list of language codes such as ["en", "de"]'),
    "provider": _TEXT,
    "model": _TEXT,
    "base_url": _TEXT,
    "api_key_env": _TEXT,
    "system_prompt": _TEXT,
    "max_tokens": _COUNT,
    "temperature": KeyRule(lambda value: _is_number(value) and value >= 0, "a number, 0 or more"),
    "timeout_s": KeyRule(lambda value: _is_number(value) and value > 0, "a number of seconds above 0"),
    "roles": _TEXTS,
    "logprobs": KeyRule(lambda value: isinstance(value, bool), "true or false"),
    "prices_source": _TEXT,
    "prices_date": KeyRule(_is_day, 'a day such as "2026-01-31", in quotes'),
    "requests_per_minute": KeyRule(lambda value: _is_number(value) and value > 0, "a number above 0"),
    "max_concurrency": KeyRule(_is_count, "a whole number above 0"),
}
REQUIRED = ("usd_per_mtok_in", "usd_per_mtok_out")
USUAL_COMPLETION_TOKENS = 200.0  # of a model whose tokens were never counted


def load_catalogue(path: str | Path) -> dict[str, ModelCard]:
    """Read the `[models.NAME]` tables of a TOML file, in the file's order.

    Raises:
        DataError: if the file cannot be read, holds no model, or a key is missing, unknown or out of range.
    """
    tables = _tables(Path(path))
    return {name: _card(str(path), name, table) for name, table in tables.items()}


def _tables(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except IsADirectoryError as error:
        raise DataError(
            f"{path} is a directory, not a models file; name a file such as models.toml"
        ) from error
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; check the path of the models file") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 (byte {error.start}); save the file as UTF-8") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path} is not valid TOML ({error}); mend that line") from error
    tables = content.get("models")
    if not isinstance(tables, dict) or not tables:
        raise DataError(
            f"{path} names no model (found: {', '.join(content) or 'nothing'}); "
            "give each one a table [models.NAME] with usd_per_mtok_in and usd_per_mtok_out"
        )
    return tables


def _card(origin: str, name: str, table: Any) -> ModelCard:
    place = f"{origin}, [models.{name}]"
    if not isinstance(table, dict):
        raise DataError(f"{place}: {table!r} is not a table; write [models.{name}] and its keys below")
    unknown = [key for key in table if key not in KEYS]
    if unknown:
        raise DataError(f"{place}: unknown key {unknown[0]!r}; use one of {', '.join(KEYS)}")
    missing = [key for key in REQUIRED if key not in table]
    if missing:
        raise DataError(f"{place}: {missing[0]} is missing; add it ({KEYS[missing[0]].must_be})")
    for key, value in table.items():
        if not KEYS[key].holds(value):
            raise DataError(f"{place}: {key} is {value!r}, but must be {KEYS[key].must_be}; mend it")
    return ModelCard(name, **{key: _frozen(key, value) for key, value in table.items()})


def _frozen(key: str, value: Any) -> Any:
    if key in ("capabilities", "languages"):
        return frozenset(value)
    return tuple(value) if key == "roles" else value


def catalogue_from_outcomes(table: OutcomeTable) -> dict[str, ModelCard]:
    """Fit each model's prices to its costs: the non-negative prices nearest in least squares.

    Where the table does not count a model's tokens, its completions are priced so that one of the usual length
    (`USUAL_COMPLETION_TOKENS`, which forecasts then assume) costs what a call cost on average; reading is free.

    Raises:
        DataError: if a model has no cost.
    """
    return {name: _fitted_card(table, j) for j, name in enumerate(table.models)}


def _fitted_card(table: OutcomeTable, j: int) -> ModelCard:
    name = table.models[j]
    usd = table.cost_usd[:, j]
    tokens = np.column_stack([table.prompt_tokens[:, j], table.completion_tokens[:, j]])
    tokens[:, np.isnan(tokens).all(axis=0)] = 0.0  # what was never counted explains no cost
    if not np.isfinite(usd).any():
        raise DataError(
            f"{table.origin}: model {name!r} has no cost_usd, so its price is unknown; "
            "fill the column cost_usd, or pass a models file with its prices"
        )
    usable = np.isfinite(usd) & np.isfinite(tokens).all(axis=1) & (tokens.sum(axis=1) > 0)
    if not usable.any():
        return ModelCard(name, 0.0, _rounded(float(np.nanmean(usd)) * 1e6 / USUAL_COMPLETION_TOKENS))
    from scipy.optimize import nnls  # spares what reads a models file 0.5 s

    prices, _ = nnls(tokens[usable], usd[usable] * 1e6)
    return ModelCard(name, _rounded(float(prices[0])), _rounded(float(prices[1])))


def _rounded(price: float) -> float:
    """Keep six significant digits: more would be noise of the fit."""
    return float(f"{price:.6g}")


def require_cards(catalogue: Catalogue, models: Iterable[str], origin: str = "the models file") -> None:
    """Check that every model has a card.

    Raises:
        DataError: naming the models without one.
    """
    unknown = [name for name in models if name not in catalogue]
    if unknown:
        raise DataError(
            f"{origin} has no card for {listed([repr(name) for name in unknown])} (found: {listed(list(catalogue))}); "
            f"add [models.{json.dumps(unknown[0])}] or remove the model's outcomes"
        )


def usd_per_call(table: OutcomeTable, catalogue: Catalogue | None = None) -> FloatArray:
    """Return what each answer cost in USD, shape (n, m): the recorded cost, else price times tokens."""
    usd = table.cost_usd.copy()
    for j, name in enumerate(table.models):
        card = None if catalogue is None else catalogue.get(name)
        if card is not None:
            priced = card.usd_per_mtok_in * table.prompt_tokens[:, j]
            priced = (priced + card.usd_per_mtok_out * table.completion_tokens[:, j]) / 1e6
            usd[:, j] = np.where(np.isnan(usd[:, j]), priced, usd[:, j])
    return usd


def price_digest(catalogue: Mapping[str, ModelCard]) -> str:
    """Return the SHA-256 (hex) of all names and prices; the order of models changes nothing."""
    prices = {name: [card.usd_per_mtok_in, card.usd_per_mtok_out] for name, card in catalogue.items()}
    return hashlib.sha256(json.dumps(prices, sort_keys=True).encode()).hexdigest()
