"""What known models cost and can do, from libraries that are kept up: genai-prices, and LangChain's model profiles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from typing import Any

from router_training.contract import ModelCard, UsageError

INSTALL = "install pointsman[prices], or give --usd-in and --usd-out"
ENDPOINTS = {  # OpenAI-compatible addresses of providers, as their own documentation names them
    "openai": None,
    "anthropic": "https://api.anthropic.com/v1/",
    "cerebras": "https://api.cerebras.ai/v1",
    "deepseek": "https://api.deepseek.com",
    "fireworks": "https://api.fireworks.ai/inference/v1",
    "google": "https://generativelanguage.googleapis.com/v1beta/openai/",
    "groq": "https://api.groq.com/openai/v1",
    "mistral": "https://api.mistral.ai/v1",
    "moonshotai": "https://api.moonshot.ai/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "perplexity": "https://api.perplexity.ai",
    "together": "https://api.together.xyz/v1",
    "x-ai": "https://api.x.ai/v1",
}
_DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")


@dataclass(frozen=True, slots=True)
class Price:
    """Prices in USD per million tokens as a library has them; `known_on` is the newest day that its data mention.

    `page` is where the provider publishes them; `tiered` marks prices that rise with the length of a prompt, of which
    these are the lowest; `context_tokens` is None where unknown.
    """

    usd_per_mtok_in: float
    usd_per_mtok_out: float
    usd_per_mtok_in_cached: float | None
    context_tokens: int | None
    source: str
    known_on: date
    page: str | None
    tiered: bool = False
    deprecated: bool = False


def look_up(provider: str, model: str, today: date) -> Price | None:
    """Return the price of a provider's model ("openai", "gpt-4o-mini"), None where the library does not know it.

    Raises:
        UsageError: if the library is not installed.
    """
    library = _library()
    try:
        found = library.calc_price(
            library.Usage(input_tokens=1, output_tokens=1), model, provider_id=provider
        )
    except LookupError:
        return None
    return _price(found, today)


def look_up_card(card: ModelCard, today: date) -> Price | None:
    """Return the price of a card's model at the card's endpoint, None where the library does not know it.

    Raises:
        UsageError: if the library is not installed.
    """
    library = _library()
    asked = library.Usage(input_tokens=1, output_tokens=1)
    where = {"provider_id": card.provider} if card.base_url is None else {"provider_api_url": card.base_url}
    try:
        return _price(library.calc_price(asked, card.model or card.name, **where), today)
    except LookupError:
        return None


def newest_entry(today: date) -> date:
    """Return the newest day, not after `today`, that the library's data mention.

    Raises:
        UsageError: if the library is not installed.
    """
    _library()
    from genai_prices.data import providers

    days = (date.fromisoformat(found) for text in _comments(providers) for found in _DATE.findall(text))
    return max((day for day in days if day <= today), default=date.min)


def capabilities(provider: str, model: str) -> frozenset[str] | None:
    """Return what a model of OpenAI's can do by LangChain's profile of it, None where there is none.

    No profile says whether a model writes code; those that call tools are taken to.
    """
    if provider != "openai":
        return None
    from langchain_openai import ChatOpenAI  # spares every other command 1.5 s

    profile = dict(ChatOpenAI(model=model, api_key=lambda: "none").profile or {})
    if not profile:
        return None
    found = {
        "vision": profile.get("image_inputs"),
        "tools": profile.get("tool_calling"),
        "code": profile.get("tool_calling"),
    }
    return frozenset({"text"} | {name for name, there in found.items() if there})


def _library() -> Any:
    try:
        import genai_prices  # the extra `prices`
    except ImportError as error:
        raise UsageError(f"prices of known models need the package genai-prices; {INSTALL}") from error
    return genai_prices


def _price(found: Any, today: date) -> Price | None:
    paid = found.model_price
    each = {name: getattr(paid, name) for name in ("input_mtok", "output_mtok", "cache_read_mtok")}
    usd = {
        name: None if value is None else float(getattr(value, "base", value)) for name, value in each.items()
    }
    read, written = usd["input_mtok"], usd["output_mtok"]
    if read is None or written is None:  # priced by request, picture or second
        return None
    return Price(
        usd_per_mtok_in=read,
        usd_per_mtok_out=written,
        usd_per_mtok_in_cached=usd["cache_read_mtok"],
        context_tokens=found.model.context_window,
        source=f"genai-prices {version('genai-prices')}",
        known_on=newest_entry(today),
        page=next(iter(found.provider.pricing_urls or ()), None),
        tiered=any(hasattr(value, "tiers") for value in each.values()),
        deprecated=bool(found.model.deprecated),
    )


def _comments(providers: Any) -> Iterator[str]:
    for provider in providers:
        yield provider.price_comments or ""
        yield from (model.price_comments or "" for model in provider.models)
