"""Several models at once; their answers are put to the vote, or the surest counts, or one model writes one from all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.moves import NOTHING_FITS, Accept, Ask, GiveUp, Move, Situation
from router_training.contract import Forecast, UsageError


@dataclass(frozen=True)
class Strategy:
    """Ask the `n` models of highest utility, as far as the limits go, and merge what they answer.

    `merge` is "vote" (the answer that most agree on; confidence breaks ties), "confidence" (the surest), or
    "synthesis" (the model likeliest to succeed writes one answer from all, unless they agree anyway).
    """

    n: int = 3
    merge: str = "vote"

    def __post_init__(self) -> None:
        if not (isinstance(self.n, int) and self.n >= 1):
            raise UsageError(f"n is {self.n!r}; an ensemble has at least 1 model, 3 is usual")
        if self.merge not in MERGES:
            raise UsageError(f"merge is {self.merge!r}; choose one of {', '.join(MERGES)}")

    def __call__(self, situation: Situation, /) -> Move:
        if not situation.attempts:
            team = self._team(situation)
            return Ask(tuple(forecast.model for forecast in team)) if team else GiveUp(NOTHING_FITS)
        return MERGES[self.merge](situation) if situation.answered() else GiveUp(situation.failures())

    def _team(self, situation: Situation) -> list[Forecast]:
        team: list[Forecast] = []
        for one in sorted(situation.open(), key=lambda f: (-situation.utility(f), f.usd, f.model)):
            if len(team) < self.n and situation.fits([*team, one]):
                team.append(one)
        return team


def _vote(situation: Situation) -> Move:
    groups = [situation.agreeing(attempt) for attempt in situation.answered()]
    winners = max(groups, key=lambda group: (len(group), sum(one.confidence or 0.0 for one in group)))
    return Accept(max(winners, key=lambda one: one.confidence or 0.0))


def _confidence(situation: Situation) -> Move:
    best = situation.best()
    return Accept(best) if best is not None else GiveUp(situation.failures())


def _synthesis(situation: Situation) -> Move:
    written = [attempt for attempt in situation.attempts if attempt.sources]
    if written:
        return Accept(written[-1]) if written[-1].text is not None else _vote(situation)
    answers = situation.answered()
    writers = situation.writers(*answers)
    if len(situation.agreeing(answers[0])) == len(answers) or not writers:
        return _vote(situation)
    writer = min(writers, key=lambda f: (-f.p_success, f.usd, f.model))
    return Ask((writer.model,), check=False, sources=answers)


MERGES: dict[str, Callable[[Situation], Move]] = {
    "vote": _vote,
    "confidence": _confidence,
    "synthesis": _synthesis,
}
