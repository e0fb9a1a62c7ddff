"""Everything that can be set of the gateway: one frozen record, read once at the edge."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from router_training.contract import UsageError

PREFIX = "POINTSMAN_"
HANDED_OVER = "POINTSMAN_SETTINGS"
"""Holds a whole Settings as JSON: how `pointsman serve` tells its worker processes."""
ELSEWHERE = ("POINTSMAN_CACHE",)
"""What other parts of the program read."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Settings:
    """How the gateway runs; each field may also stand in the environment as POINTSMAN_NAME, e.g. POINTSMAN_PORT.

    `router` None is the registry's champion, `models` None the router's own cards; `data` are the labelled
    outcomes that explanations show the nearest of. `strategy` answers `auto`, and
    `stream_strategy` those streams that name none: tokens once shown cannot be taken back, so nothing may check them.
    `concurrency` requests are answered at once, `queue` more wait for up to `queue_s`, all others get 503.
    `secrets` is a file of NAME=VALUE lines that holds endpoints' keys which the environment does not.
    Of the spool, `spool_bytes` may wait for MLflow, an equal part for each worker: beyond 90% only what failed or was rated is
    kept, beyond that nothing new; what was kept stays.
    `log` is what the spool keeps of prompts and answers: full, hash or none. `explore` is the share of requests that
    another model answers, by chance and within all limits, so that traffic can be learnt from; 0 is off.
    `shadow` is the share of answered requests that a second model is asked too (`shadow_model`; None: any other), whose
    answer nobody sees and nobody pays but us: at most `shadow_usd_per_day`, over all workers and restarts; 0 is off.
    `demote` lets the best constant serve while the measured benefit of routing is in doubt.
    """

    router: Path | None = None
    models: Path | None = None
    data: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    demo: bool = False
    strategy: str = "fallback(cascade)"
    stream_strategy: str = "fallback(cost_based)"
    dial: float = 0.8
    spool: Path = Path("mlruns/spool")
    spool_bytes: int = 1_000_000_000
    keys: Path = Path("mlruns/keys.db")
    secrets: Path | None = None
    log: str = "full"
    concurrency: int = 256
    queue: int = 1024
    queue_s: float = 10.0
    body_bytes: int = 20_000_000
    body_s: float = 30.0
    drain_s: float = 30.0
    reload_s: float = 2.0
    traces: int = 2_000
    explore: float = 0.01
    shadow: float = 0.0
    shadow_model: str | None = None
    shadow_usd_per_day: float = 1.0
    demote: bool = True

    @classmethod
    def read(cls, environment: Mapping[str, str], **given: Any) -> Self:
        """Return the settings: what is given (None: nothing), else what the environment says, else the defaults.

        Raises:
            UsageError: if a variable cannot be read as what it sets.
        """
        known = {
            one.name: _read(one.name, str(one.type), environment[PREFIX + one.name.upper()])
            for one in fields(cls)
            if environment.get(PREFIX + one.name.upper())
        }
        return cls(**{**known, **{name: value for name, value in given.items() if value is not None}})

    @classmethod
    def mistyped(cls, environment: Mapping[str, str]) -> str | None:
        """Return a sentence that names every POINTSMAN_ variable that sets nothing, and what it is most like; else None."""
        known = [*(PREFIX + one.name.upper() for one in fields(cls)), HANDED_OVER, *ELSEWHERE]
        said = []
        for name in sorted(name for name in environment if name.startswith(PREFIX) and name not in known):
            like = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
            said.append(f"{name} (did you mean {like[0]}?)" if like else name)
        return f"no setting has this name, so it is ignored: {', '.join(said)}" if said else None

    def surroundings(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment, with what the file of secrets says of variables that it does not hold.

        Raises:
            UsageError: if the file cannot be read, or a line is not NAME=VALUE.
        """
        return {**(_told_in(self.secrets) if self.secrets is not None else {}), **environment}

    def to_json(self) -> str:
        """Return the settings as text that `from_json` reads."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the settings that `to_json` wrote."""
        types = {one.name: str(one.type) for one in fields(cls)}
        known: dict[str, Any] = json.loads(text)
        paths = {
            name: Path(text) for name, text in known.items() if text is not None and "Path" in types[name]
        }
        return cls(**{**known, **paths})


def _told_in(path: Path) -> dict[str, str]:
    """Return the variables that a file sets: blank lines and those that begin with # are skipped, quotes taken off."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise UsageError(
            f"the secrets file {path} cannot be read ({reason}); mend POINTSMAN_SECRETS"
        ) from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if not line.strip() or name.startswith("#"):
            continue
        if not equals or not name.strip().isidentifier():
            raise UsageError(f"line {number} of the secrets file {path} is not NAME=VALUE; mend it")
        value = value.strip()
        is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
        found[name.strip()] = value[1:-1] if is_quoted else value
    return found


def _read(name: str, kind: str, text: str) -> Any:
    try:
        return _READERS[kind.removesuffix(" | None")](text)
    except (ValueError, KeyError) as error:
        raise UsageError(
            f"{PREFIX}{name.upper()} is {text!r}, which is no {kind}; mend or unset it"
        ) from error


_READERS: Mapping[str, Callable[[str], Any]] = {
    "Path": Path,
    "str": str,
    "int": int,
    "float": float,
    "bool": {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}.__getitem__,
}
