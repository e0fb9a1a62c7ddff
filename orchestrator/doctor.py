"""What stands between this folder and a gateway that answers: each check says what it found and what to do."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from orchestrator.settings import LOOPBACK, Settings
from router_training.contract import Catalogue, ModelCard, PointsmanError

if TYPE_CHECKING:
    import aiohttp

    from orchestrator.failures import Kind

Verdict = Literal["ok", "note", "broken"]
DEMO_ROUTER = Path("runs/demo")
LITTLE_BYTES, TOO_LITTLE_BYTES = 2 * 1024**3, 200 * 1024**2


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: `remedy` is what to do, empty where nothing is to be done."""

    check: str
    verdict: Verdict
    said: str
    remedy: str = ""


@dataclass
class Patient:
    """What is examined. Checks that open something leave it here for those that come after."""

    settings: Settings
    environment: Mapping[str, str]
    timeout_s: float = 10.0
    cards: Catalogue = field(default_factory=dict)


def examine(patient: Patient) -> Iterator[Finding]:
    """Yield what each check finds, in order."""
    for check in CHECKS:
        yield from check(patient)


def check_records(patient: Patient) -> Iterator[Finding]:
    """Find out whether MLflow's records can be read; none are made."""
    from router_training.records.local_records import database_file, without_password

    address = patient.environment.get("MLFLOW_TRACKING_URI") or "sqlite:///mlruns/mlflow.db"
    file = database_file(address)
    if file is not None and not file.exists():
        yield Finding("MLflow", "note", f"there are no records at {file}", "`pointsman train` makes them")
        return
    from router_training.tracking import open_store  # spares mlflow, 2 s

    try:
        open_store(address)
    except PointsmanError as error:
        yield _broken("MLflow", error)
    else:
        yield Finding("MLflow", "ok", f"opens at {without_password(address)}")


def check_models(patient: Patient) -> Iterator[Finding]:
    """Find out whether the models file can be read, if one is named."""
    from router_training.catalogue import load_catalogue

    path = patient.settings.models
    if path is None:
        return
    try:
        patient.cards = load_catalogue(path)
    except PointsmanError as error:
        yield _broken("models", error)
    else:
        yield Finding("models", "ok", f"{len(patient.cards)} in {path}")


def check_router(patient: Patient) -> Iterator[Finding]:
    """Find out whether there is a router, and whether what it promised stands."""
    from router_training.serving import open_router

    settings = patient.settings
    folder = settings.router or (DEMO_ROUTER if settings.demo else None)
    if folder is None and _has_no_records(patient):
        remedy = "train one (pointsman train DATA), or name its folder with --router"
        if patient.cards:
            said = "there is none; models are chosen by the roles on their cards"
            yield Finding("router", "note", said, remedy)
        else:
            yield Finding("router", "broken", "there is none", remedy)
        return
    try:
        opened = open_router(folder, patient.cards or None)
    except PointsmanError as error:
        yield _broken("router", error)
        return
    policy = opened.policy
    patient.cards = patient.cards or policy.catalogue
    yield Finding("router", "ok", f"{opened.origin}; chooses among {', '.join(policy.models)}")
    if opened.answer_model is None:
        remedy = "train on outcomes that hold responses, so that answers are judged too"
        yield Finding("verifier", "note", "the router was trained without answers", remedy)
    status = policy.promise_status(settings.dial)
    yield Finding("promise", "ok" if status.holds else "note", status.sentence.rstrip("."))


def check_prices(patient: Patient) -> Iterator[Finding]:
    """Find cards that cost nothing though their endpoint is not on this machine."""
    free = [name for name, card in patient.cards.items() if not _is_local(card) and not card.usd(1.0, 1.0)]
    if free:
        remedy = "give usd_per_mtok_in and usd_per_mtok_out in the models file; a router sends everything to what is free"
        yield Finding("prices", "note", f"{', '.join(free)} cost nothing", remedy)
    elif patient.cards:
        yield Finding("prices", "ok", f"all {len(patient.cards)} models have one")


def check_endpoints(patient: Patient) -> Iterator[Finding]:
    """Ask every model for one token, all at once."""
    if patient.settings.demo:
        yield Finding("endpoints", "ok", "none is needed with --demo")
        return
    yield from asyncio.run(_ask_all(patient))


async def _ask_all(patient: Patient) -> list[Finding]:
    import aiohttp  # spares the commands that ask nobody 0.1 s

    async with aiohttp.ClientSession() as session:
        asking = (_ask(card, patient, session) for card in patient.cards.values())
        return await asyncio.gather(*asking)


async def _ask(card: ModelCard, patient: Patient, session: aiohttp.ClientSession) -> Finding:
    """Ask a model with the very client that serves it."""
    from orchestrator.failures import is_failure, kind_of, possible
    from orchestrator.gateway.clients import clients_of

    name, loop = f"endpoint {card.name}", asyncio.get_running_loop()
    begun = loop.time()
    try:
        client = clients_of({card.name: card}, lambda: session, patient.environment)[card.name]
        await asyncio.wait_for(client.ainvoke("Hi", max_tokens=1), patient.timeout_s)
    except PointsmanError as error:
        return _broken(name, error)
    except possible() as error:
        if not is_failure(error):
            raise
        return _failed(name, card, kind_of(error), error)
    return Finding(name, "ok", f"answered in {loop.time() - begun:.2f} s")


def _failed(name: str, card: ModelCard, kind: Kind, error: Exception) -> Finding:
    where = (card.base_url or card.provider).rpartition("@")[2]
    if kind.blames:
        return Finding(
            name, "broken", f"{kind.name} at {where}", REMEDIES.get(kind.name, "see the endpoint's own log")
        )
    said = " ".join(str(error).split())[:200]
    return Finding(name, "note", f"{where} answers, but not to a call of one token ({said})")


REMEDIES = {
    "unreachable": "start it, or mend base_url in the models file",
    "interrupted": "start it again; it broke the connection off",
    "timeout": "wait until the model is loaded, or give it longer with --timeout-s",
    "rate limit": "try again later, or ask the provider for more",
    "quota": "pay the provider, or use another key",
    "no access": "set the right key in the variable that the card names with api_key_env",
    "not found": "mend model and base_url in the models file (a base URL usually ends in /v1)",
    "unreadable": "mend base_url in the models file; what answers there is no OpenAI-compatible server",
}


def check_keys(patient: Patient) -> Iterator[Finding]:
    """Find out who may use the gateway from where."""
    from orchestrator.gateway.accounts import Accounts
    from orchestrator.gateway.keys import Keys

    path, host = patient.settings.keys, patient.settings.host
    remedy = "make a key: pointsman keys add NAME"
    try:
        keys = Keys(Accounts(path)) if path.exists() else None
    except PointsmanError as error:
        yield _broken("keys", error)
        return
    if keys is None or not keys.configured():
        verdict: Verdict = "note" if host in LOOPBACK else "broken"
        yield Finding("keys", verdict, "there are none, so that only this machine is served", remedy)
        return
    in_use = [key.name for key in keys.all() if key.revoked is None]
    if not in_use:
        yield Finding("keys", "broken", f"all keys in {path} are revoked", remedy)
        return
    yield Finding("keys", "ok", f"{len(in_use)} in use in {path}")
    yield from _check_mode("keys", path)


def check_secrets(patient: Patient) -> Iterator[Finding]:
    """Find out whether the file of the providers' keys can be read, by its owner alone."""
    path = patient.settings.secrets
    if path is None:
        return
    if not path.is_file():
        yield Finding("secrets", "broken", f"{path} is no file", "mend POINTSMAN_SECRETS or --secrets")
        return
    yield Finding("secrets", "ok", f"{path} is there")
    yield from _check_mode("secrets", path)


def check_spool(patient: Patient) -> Iterator[Finding]:
    """Find out whether feedback can be written."""
    folder = _existing(patient.settings.spool)
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x" * 4096)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        remedy = "make it writable, or name another folder with --spool"
        yield Finding("spool", "broken", f"{folder} cannot be written ({error.strerror})", remedy)
    else:
        yield Finding("spool", "ok", f"{patient.settings.spool} can be written")


def check_disk(patient: Patient) -> Iterator[Finding]:
    """Find out how much room is left for feedback and records."""
    folder = _existing(patient.settings.spool)
    free = shutil.disk_usage(folder).free
    verdict: Verdict = "broken" if free < TOO_LITTLE_BYTES else "note" if free < LITTLE_BYTES else "ok"
    remedy = (
        ""
        if verdict == "ok"
        else f"make room, or move --spool; the gateway wants {LITTLE_BYTES / 1e9:.0f} GB"
    )
    yield Finding("disk", verdict, f"{free / 1e9:,.1f} GB free", remedy)


CHECKS: tuple[Callable[[Patient], Iterable[Finding]], ...] = (
    check_records,
    check_models,
    check_router,
    check_prices,
    check_endpoints,
    check_secrets,
    check_keys,
    check_spool,
    check_disk,
)


def _broken(check: str, error: PointsmanError) -> Finding:
    """Return the finding of an error, whose message says what is wrong and, after a semicolon, what to do."""
    said, _, remedy = str(error).partition("; ")
    return Finding(check, "broken", said, remedy)


def _has_no_records(patient: Patient) -> bool:
    from router_training.records.local_records import database_file

    file = database_file(patient.environment.get("MLFLOW_TRACKING_URI") or "sqlite:///mlruns/mlflow.db")
    return file is not None and not file.exists()


def _is_local(card: ModelCard) -> bool:
    from urllib.parse import urlsplit

    return urlsplit(card.base_url or "").hostname in LOOPBACK


def _check_mode(name: str, path: Path) -> Iterator[Finding]:
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding(name, "note", f"others on this machine can read {path}", f"run: chmod 600 {path}")


def _existing(path: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    return next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())
