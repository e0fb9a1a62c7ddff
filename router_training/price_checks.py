"""Which prices of a models file are missing, old, or not what the library has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlsplit

from router_training.contract import Catalogue, ModelCard
from router_training.prices import Price

STALE = timedelta(days=90)
APART = 0.01  # relative
_HERE = ("127.0.0.1", "localhost", "::1", "0.0.0.0")

Known = Callable[[ModelCard], Price | None]


@dataclass(frozen=True, slots=True)
class PriceFinding:
    """What was found about a card's prices; `wrong` where something is to be done."""

    model: str
    wrong: bool
    said: str


def check_prices(cards: Catalogue, known: Known, today: date) -> Iterator[PriceFinding]:
    """Yield one finding or more per card, in the order of the cards.

    Args:
        cards: The models file.
        known: Returns what the price library has for a card, None where it does not know the model.
        today: Prices older than STALE are stale; so is a library whose data are.
    """
    for name, card in cards.items():
        found = list(_findings(card, known, today))
        yield from (PriceFinding(name, True, said) for said in found)
        if not found:
            yield PriceFinding(name, False, _fine(card))


def _findings(card: ModelCard, known: Known, today: date) -> Iterator[str]:
    if is_here(card):
        return
    if card.usd_per_mtok_in == 0 and card.usd_per_mtok_out == 0:
        yield "costs nothing, but is not on this machine; give its prices"
    price = known(card)
    if price is None:
        yield from _unknown(card, today)
        return
    for key in ("usd_per_mtok_in", "usd_per_mtok_out", "usd_per_mtok_in_cached"):
        have, theirs = getattr(card, key), getattr(price, key)
        if have is not None and theirs is not None and abs(have - theirs) > APART * max(have, theirs):
            yield f"{key} is {have:g}, but {price.source} says {theirs:g} ({price.page or 'no page named'})"
    if price.deprecated:
        yield f"its provider retires it, says {price.source}"
    if today - price.known_on > STALE:
        yield f"{price.source} knows nothing newer than {price.known_on}; upgrade genai-prices"


def _unknown(card: ModelCard, today: date) -> Iterator[str]:
    if card.prices_date is None:
        yield "the library does not know it, and nobody wrote down when its prices were right; add prices_date"
    elif today - date.fromisoformat(card.prices_date) > STALE:
        yield f"its prices are of {card.prices_date}; look them up again"


def _fine(card: ModelCard) -> str:
    if is_here(card):
        return "is on this machine; its prices are your own"
    of = f" of {card.prices_date}" if card.prices_date else ""
    return f"its prices{of} stand"


def is_here(card: ModelCard) -> bool:
    """Tell whether the card's endpoint is on this machine."""
    return card.base_url is not None and urlsplit(card.base_url).hostname in _HERE
