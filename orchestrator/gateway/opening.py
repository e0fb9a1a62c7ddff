"""Opens what serves: the champion or a folder, the cards, their clients. Called at the start and by hot reload."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
from langchain_core.language_models import BaseChatModel

from orchestrator.demotion import PRIOR, Demotion
from orchestrator.exploring import Exploration
from orchestrator.gateway.clients import clients_of
from orchestrator.gateway.drifting import Drifting
from orchestrator.gateway.routing import Routing, reference_of
from orchestrator.gateway.shadows import check_shadow
from orchestrator.health import Health
from orchestrator.models import recorded_models
from orchestrator.settings import Settings
from orchestrator.shadowing import Shadows
from router_training.catalogue import load_catalogue
from router_training.contract import Catalogue, RequestRecord, UsageError
from router_training.policy import Policy
from router_training.records.champion_pointer import fetched, read_pointer
from router_training.serving import Opened, open_router, versioned

DEMO_DATA = Path("datasets/starter/outcomes.parquet")
DEMO_ROUTER = Path("runs/demo")
DEMO_SPOOL = DEMO_ROUTER / "served"
Mark = tuple[object, ...]


@dataclass(frozen=True)
class Opener:
    """Opens a routing as the settings say; `mark` changes when it has to be opened anew."""

    settings: Settings
    session: Callable[[], aiohttp.ClientSession]
    environment: Mapping[str, str]
    health: Health
    feedback: Callable[[RequestRecord], object] | None = None
    shadow: Shadows | None = None

    def mark(self) -> Mark:
        """Return what tells whether champion, router or models file have changed.

        Raises:
            DataError: if the champion cannot be read.
        """
        settings = self.settings
        pointer = None if self.folder() is not None else read_pointer()
        files = [settings.models, *([self.folder()] if self.folder() else [])]
        stamps = tuple(_stamp(one) for one in files if one is not None)
        return (None if pointer is None else pointer.version, *stamps)

    def folder(self) -> Path | None:
        """Return the router's folder, None where the registry's champion serves."""
        if self.settings.router is not None:
            return self.settings.router
        return DEMO_ROUTER if self.settings.demo else None

    def open(self) -> Routing:
        """Return what serves now.

        Raises:
            DataError: if something cannot be read.
            UsageError: if there is nothing to serve, or a key is missing.
        """
        given = None if self.settings.models is None else load_catalogue(self.settings.models)
        opened = self._opened(given)
        known = {} if opened is None else opened.policy.catalogue
        cards = dict(known if given is None else given)
        check_shadow(self.settings, cards)
        clients = self._clients(cards)
        policy = None if opened is None else opened.policy
        return Routing(
            origin="the roles of the cards" if opened is None else opened.origin,
            policy=policy,
            answer_model=None if opened is None else opened.answer_model,
            joint=None if opened is None else opened.joint,
            cards=cards,
            clients=clients,
            health=self.health,
            feedback=self.feedback,
            dial=self.settings.dial,
            reference=reference_of(policy, cards),
            explore=Exploration(self.settings.explore).share,
            shadow=self.shadow,
            demotion=demotion_of(policy, self.settings),
            drifting=None if policy is None else Drifting(),
        )

    def _clients(self, cards: Catalogue) -> Mapping[str, BaseChatModel]:
        if not self.settings.demo:
            return clients_of(cards, self.session, self.environment)
        from router_training.outcomes import load_outcomes  # only the demo replays a table

        return recorded_models(load_outcomes(DEMO_DATA), latency_scale=1.0)

    def _opened(self, catalogue: Catalogue | None) -> Opened | None:
        """Return the router; None where there is none, but models to ask."""
        if (folder := self.folder()) is not None:
            return open_router(folder, catalogue)
        pointer = read_pointer()
        if pointer is None:
            if catalogue is not None:
                return None
            raise UsageError(
                "there is no champion to serve; train a router (pointsman train DATA), name one with --router, or name "
                "models with --models to begin with"
            )
        with tempfile.TemporaryDirectory() as scratch:
            opened = open_router(fetched(pointer, Path(scratch)), catalogue)
        return replace(
            opened,
            policy=versioned(opened.policy, pointer.version),
            origin=f"champion, version {pointer.version}",
        )


def demotion_of(policy: Policy | None, settings: Settings) -> Demotion | None:
    """Return what lets the best constant serve while routing is in doubt; None where it is off or no constant is known."""
    if policy is None or not settings.demote or policy.learned.held_out is None:
        return None
    dial, scale = settings.dial, policy.usd_scale
    constants = [point for point in policy.operating_points if point.model is not None]
    best = max(constants, key=lambda point: dial * point.quality - (1.0 - dial) * point.usd / scale)
    return Demotion(str(best.model), scale, prior=max(PRIOR, len(policy.learned.held_out)))


def _stamp(path: Path) -> tuple[str, int, int]:
    """Return what changes when a file, or the manifest of a router, is written anew."""
    file = next((one for one in (path / "policy" / "manifest.json", path) if one.is_file()), path)
    try:
        found = file.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), found.st_mtime_ns, found.st_size
