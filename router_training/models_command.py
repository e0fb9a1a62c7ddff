"""`pointsman models`: cards with prices from a library that is kept up, and a check of those that are there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router_training.contract import UsageError

if TYPE_CHECKING:
    from router_training.prices import Price

app = typer.Typer(no_args_is_help=True, help="Model cards: add one with its prices, check the prices of all.")

File = Annotated[Path, typer.Option("--models", help="The models file.")]
Entries = dict[str, tuple[Any, str]]  # key of a card -> its value, and where that comes from


@app.command()
def add(
    model: Annotated[str, typer.Argument(metavar="PROVIDER:MODEL", help="For example openai:gpt-4o-mini.")],
    models: File = Path("models.toml"),
    name: Annotated[
        str | None, typer.Option("--name", help="What to call the card. Default: the model.")
    ] = None,
    usd_in: Annotated[
        float | None, typer.Option("--usd-in", min=0, help="USD per million tokens read.")
    ] = None,
    usd_out: Annotated[
        float | None, typer.Option("--usd-out", min=0, help="USD per million tokens written.")
    ] = None,
    context_tokens: Annotated[int | None, typer.Option("--context-tokens", min=1)] = None,
    capability: Annotated[
        list[str] | None, typer.Option("--capability", help="text, code, vision, tools; may be repeated.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", help="Of an OpenAI-compatible endpoint.")
    ] = None,
    api_key_env: Annotated[
        str | None, typer.Option("--api-key-env", help="The variable with the key.")
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option("--role", help="cheap, fast, strong; may be repeated.")
    ] = None,
) -> None:
    """Add a model card with price, context and capabilities as a price library has them; options override it.

    Example: pointsman models add openai:gpt-4o-mini
    """
    provider, colon, reference = model.partition(":")
    if not (provider and colon and reference):
        raise UsageError(f"{model!r} is not PROVIDER:MODEL; write openai:gpt-4o-mini, for example")
    card = name or reference
    _require_new(card, models)
    today = _today()
    given: dict[str, object] = {"usd_per_mtok_in": usd_in, "usd_per_mtok_out": usd_out}
    given |= {"context_tokens": context_tokens, "capabilities": capability, "roles": role}
    given |= {"base_url": base_url, "api_key_env": api_key_env}
    said = {key: (value, "you") for key, value in given.items() if value is not None}
    price = _price(provider, reference, said, today)
    entries = _entries(provider, reference, said, price, today)
    _append(models, card, entries)
    _show(Console(), card, models, entries, price)


@app.command()
def check(models: File = Path("models.toml")) -> None:
    """Say which prices are missing, old, or not what the library has; exit code 1 if something is to be done.

    Example: pointsman models check --models datasets/starter/models.toml
    """
    from router_training.catalogue import load_catalogue
    from router_training.price_checks import check_prices
    from router_training.prices import look_up_card

    today = _today()
    found = list(check_prices(load_catalogue(models), lambda card: look_up_card(card, today), today))
    console = Console()
    for finding in found:
        mark = "[yellow]![/yellow]" if finding.wrong else "[green]ok[/green]"
        console.print(f"{mark} [bold]{escape(finding.model)}[/bold]: {escape(finding.said)}")
    if any(finding.wrong for finding in found):
        raise typer.Exit(1)


def _today() -> date:
    return datetime.now(UTC).date()


def _require_new(card: str, models: Path) -> None:
    """Check that the file has no such card yet, and is one to which a card can be added.

    Raises:
        UsageError: if the card is there.
        DataError: if the file cannot be read.
    """
    import tomllib

    from router_training.catalogue import load_catalogue

    try:
        there = tomllib.loads(models.read_text(encoding="utf-8")) if models.exists() else {}
    except (OSError, ValueError):
        there = {"models": load_catalogue(models)}  # says what is wrong with it
    if "models" in there and card in load_catalogue(models):
        raise UsageError(f"{models} has a card {card!r} already; edit it there, or give another --name")


def _price(provider: str, model: str, said: Entries, today: date) -> Price | None:
    """Return the library's price, None where the user gave one.

    Raises:
        UsageError: if the price is known to nobody.
    """
    from router_training.prices import look_up

    if {"usd_per_mtok_in", "usd_per_mtok_out"} <= said.keys():
        return None
    price = look_up(provider, model, today)
    if price is None:
        raise UsageError(
            f"genai-prices does not know {provider}:{model}; check the spelling, or give --usd-in and --usd-out (USD per "
            "million tokens)"
        )
    return price


def _entries(provider: str, model: str, said: Entries, price: Price | None, today: date) -> Entries:
    """Return the keys of the card: what the user said first, then what the libraries know.

    Raises:
        UsageError: if nobody knows where the model is.
    """
    from router_training import prices

    known = {} if price is None else _from_library(price, said)
    if provider in prices.ENDPOINTS:
        known["base_url"] = (prices.ENDPOINTS[provider], f"the address of {provider}")
        known["api_key_env"] = (f"{provider.upper().replace('-', '_')}_API_KEY", "the usual name")
    elif "base_url" not in said:
        raise UsageError(
            f"the address of {provider} is not known; give --base-url of an OpenAI-compatible endpoint"
        )
    able = prices.capabilities(provider, model)
    known["capabilities"] = (
        (["text", "code"], "assumed: no profile says")
        if able is None
        else (sorted(able), "LangChain's profile")
    )
    known["prices_source"] = ("you" if price is None else price.source, "")
    known["prices_date"] = ((today if price is None else price.known_on).isoformat(), "")
    return {"model": (model, "you")} | {
        key: found for key, found in (known | said).items() if found[0] is not None
    }


def _from_library(price: Price, said: Entries) -> Entries:
    keys = ("usd_per_mtok_in", "usd_per_mtok_out", "usd_per_mtok_in_cached", "context_tokens")
    known: Entries = {key: (getattr(price, key), price.source) for key in keys}
    if "usd_per_mtok_in" in said:
        del known["usd_per_mtok_in_cached"]  # the library's does not go with another price
    return known


def _append(models: Path, card: str, entries: Mapping[str, tuple[Any, str]]) -> None:
    """Add the card at the end of the file, whose comments and order stay."""
    before = models.read_text(encoding="utf-8") if models.exists() else ""
    lines = [
        f"[models.{json.dumps(card)}]",
        *(f"{key} = {json.dumps(value)}" for key, (value, _) in entries.items()),
    ]
    gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
    try:
        models.parent.mkdir(parents=True, exist_ok=True)
        models.write_text(before + gap + "\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{models} cannot be written ({error.strerror}); name another with --models"
        ) from error


def _show(console: Console, card: str, models: Path, entries: Entries, price: Price | None) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in (card, "", "from"):
        table.add_column(heading, overflow="fold")
    for key, (value, source) in entries.items():
        table.add_row(key, escape(json.dumps(value)), escape(source))
    console.print(table)
    if price is not None:
        page = f"; the provider's own page is {price.page}" if price.page else ""
        console.print(f"Prices as {price.source} has them, whose newest entry is of {price.known_on}{page}.")
        if price.tiered:
            console.print("They rise with the length of the prompt; these are the lowest.", style="yellow")
    console.print(f"{models} holds the card; what stands there can be edited, and counts.")
