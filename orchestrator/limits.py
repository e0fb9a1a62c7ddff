"""What a caller allows for a request."""

from __future__ import annotations

from dataclasses import dataclass

from router_training.contract import UsageError


@dataclass(frozen=True, slots=True)
class Limits:
    """What the caller allows for the whole request; None is no limit.

    `dial` in [0, 1] goes from cost to quality. `max_attempts` counts models asked, `min_quality` in [0, 1] is a
    share of the best forecast, `allow` and `deny` are names of models.
    """

    dial: float = 0.8
    max_usd: float | None = None
    deadline_s: float | None = None
    max_attempts: int | None = None
    min_quality: float | None = None
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _is_share(self.dial):
            raise UsageError(
                f"dial is {self.dial!r}; it must lie in [0, 1]: 0 is cheapest, 1 is best, 0.8 is usual"
            )
        if self.min_quality is not None and not _is_share(self.min_quality):
            raise UsageError(
                f"min_quality is {self.min_quality!r}; it must lie in [0, 1], a share of the best model's quality, "
                "or be None for no limit"
            )
        for name, limit in (("max_usd", self.max_usd), ("deadline_s", self.deadline_s)):
            if limit is not None and not (is_number(limit) and limit >= 0.0):
                raise UsageError(f"{name} is {limit!r}; it must be 0 or more, or None for no limit")
        n = self.max_attempts
        if n is not None and not (isinstance(n, int) and not isinstance(n, bool) and n >= 0):
            raise UsageError(
                f"max_attempts is {n!r}; it must be a whole number, 0 or more, or None for no limit"
            )
        for name, names in (("allow", self.allow), ("deny", self.deny)):
            if names is not None and not (
                isinstance(names, tuple) and all(isinstance(n, str) for n in names)
            ):
                raise UsageError(f"{name} is {names!r}; it must be a list of model names")


def is_number(value: object) -> bool:
    """Tell whether this is an int or a float; True and False are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and is_number(value) and 0.0 <= value <= 1.0
