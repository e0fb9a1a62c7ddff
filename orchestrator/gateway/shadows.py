"""Second answers of a gateway: what they may cost is kept with what keys spend, for all workers and restarts alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.gateway.accounts import Accounts
from orchestrator.gateway.keys import Allowance, ApiKey
from orchestrator.gateway.spending import Hold, Ledger, OutOfBudget
from orchestrator.settings import Settings
from orchestrator.shadowing import Shadow, Shadows
from router_training.contract import Catalogue, RequestRecord, UsageError

ACCOUNT = "shadow"
"""What second answers are called where spending is kept; keys have twelve hexadecimal digits."""
OWN = ("n",)
"""Fields of a body that only the caller's own answer needs: a second one is one choice."""


class LedgerPurse:
    """So many USD a day (UTC) for all processes that share the key file; calls whose process dies count in full."""

    def __init__(self, accounts: Accounts, usd_per_day: float) -> None:
        self._ledger = Ledger(accounts)
        self._key = ApiKey(ACCOUNT, ACCOUNT, "", None, Allowance(usd_per_day=usd_per_day), b"")

    def reserve(self, usd: float) -> Hold | None:
        """Set aside the most that a call may cost; None where that is not left."""
        found = self._ledger.reserve(self._key, usd)
        return None if isinstance(found, OutOfBudget) else found

    def settle(self, hold: Hold, usd: float) -> None:
        """Replace a hold by what the call has cost."""
        self._ledger.settle(hold, usd)


def shadows_of(
    settings: Settings, accounts: Accounts, *told: Callable[[RequestRecord], object]
) -> Shadows | None:
    """Return what asks second models as the settings say, and tells these of each answer; None where it is off.

    Raises:
        UsageError: if the share or the amount is outside its range.
    """
    shadow = Shadow(settings.shadow, settings.shadow_model)
    if shadow.share == 0.0:
        return None

    def tell(record: RequestRecord) -> None:
        for one in told:
            one(record)

    return Shadows(shadow, tell, LedgerPurse(accounts, settings.shadow_usd_per_day), unheard)


def check_shadow(settings: Settings, cards: Catalogue) -> None:
    """Check that the model that is to be asked in shadow can be asked at all.

    Raises:
        UsageError: if it has no card.
    """
    name = settings.shadow_model
    if settings.shadow > 0.0 and name is not None and name not in cards:
        raise UsageError(
            f"POINTSMAN_SHADOW_MODEL is {name!r}, which is no model here; name one of {', '.join(cards)}, or unset it"
        )


def unheard(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a call that its caller never hears of, from those of the call that he does."""
    return {"body": {key: value for key, value in options.get("body", {}).items() if key not in OWN}}
