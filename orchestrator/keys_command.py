"""The commands about API keys: make one, list them, revoke one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from rich.table import Table

    from orchestrator.gateway.accounts import Accounts
    from orchestrator.gateway.keys import ApiKey
    from orchestrator.gateway.spending import Spent

app = typer.Typer(no_args_is_help=True, help="API keys of the gateway: who may ask, how often, for how much.")

DEFAULT = Path("mlruns/keys.db")
KeyFile = Annotated[
    Path, typer.Option("--keys", envvar="POINTSMAN_KEYS", dir_okay=False, help="The gateway's key file.")
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What to call the key, such as the name of who gets it.")],
    keys: KeyFile = DEFAULT,
    requests_per_minute: Annotated[
        int | None, typer.Option("--requests-per-minute", help="Default: no limit.")
    ] = None,
    usd_per_day: Annotated[
        float | None, typer.Option("--usd-per-day", help="A hard stop; days are UTC. Default: no limit.")
    ] = None,
    usd_per_month: Annotated[
        float | None, typer.Option("--usd-per-month", help="A hard stop; months are UTC. Default: no limit.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", help="A model it may use; may be repeated. Default: all.")
    ] = None,
    operator: Annotated[
        bool, typer.Option("--operator", help="It also reads metrics, and the requests of all keys.")
    ] = False,
) -> None:
    """Make a key and print it. This is the only time: the file keeps a digest.

    Example: pointsman keys add alice --usd-per-day 2 --requests-per-minute 60
    """
    from orchestrator.gateway.keys import Allowance, Keys

    models = None if model is None else tuple(model)
    allowance = Allowance(requests_per_minute, usd_per_day, usd_per_month, models, operator)
    secret = Keys(_open(keys)).add(name, allowance)
    Console(stderr=True).print("Keep this key now; it cannot be shown again:", highlight=False)
    Console().print(secret, highlight=False, soft_wrap=True)


@app.command("list")
def list_(
    keys: KeyFile = DEFAULT,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the keys, what they may do, and what they have spent."""
    from orchestrator.gateway.keys import Keys
    from orchestrator.gateway.spending import Ledger

    accounts = _open(keys)
    ledger = Ledger(accounts)
    rows = [(key, ledger.spent(key)) for key in Keys(accounts).all()]
    if as_json:
        Console().print_json(data=[_row(key, spent) for key, spent in rows])
    elif rows:
        Console().print(_table(rows))
    else:
        Console().print("There is no key; make one with: pointsman keys add NAME", highlight=False)


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="The key's name or id.")], keys: KeyFile = DEFAULT
) -> None:
    """Make a key open nothing from now on; a gateway that runs notices at once."""
    from orchestrator.gateway.keys import Keys

    revoked = Keys(_open(keys)).revoke(name)
    Console().print(f"The key {revoked.name!r} ({revoked.key_id}) is revoked.", highlight=False)


def _open(path: Path) -> Accounts:
    from orchestrator.gateway.accounts import Accounts

    return Accounts(path)


def _row(key: ApiKey, spent: Spent) -> dict[str, object]:
    allowance = key.allowance
    return {
        "id": key.key_id,
        "name": key.name,
        "created": key.created,
        "revoked": key.revoked,
        "operator": allowance.operator,
        "requests_per_minute": allowance.requests_per_minute,
        "usd_per_day": allowance.usd_per_day,
        "usd_per_month": allowance.usd_per_month,
        "models": allowance.models,
        "usd_today": spent.usd_today,
        "usd_this_month": spent.usd_this_month,
        "requests_today": spent.requests_today,
    }


def _table(rows: list[tuple[ApiKey, Spent]]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(caption="Days and months are UTC; what running requests may cost counts as spent.")
    for column in ("name", "id", "since", "models"):
        table.add_column(column, overflow="fold", no_wrap=column in ("id", "since"))
    for column in ("a minute", "USD today", "this month"):
        table.add_column(column, justify="right")
    for key, spent in rows:
        allowance = key.allowance
        table.add_row(
            escape(key.name) + ("\noperator" if allowance.operator else ""),
            key.key_id,
            key.created[:10] + ("" if key.revoked is None else f"\nrevoked {key.revoked[:10]}"),
            "all" if allowance.models is None else escape(", ".join(allowance.models)),
            "any" if allowance.requests_per_minute is None else str(allowance.requests_per_minute),
            _of(spent.usd_today, allowance.usd_per_day),
            _of(spent.usd_this_month, allowance.usd_per_month),
            style="dim" if key.revoked else None,
        )
    return table


def _of(usd: float, budget: float | None) -> str:
    return f"{usd:.4g}" + ("" if budget is None else f"\nof {budget:g}")
