"""What a judge's yes and no are worth: how often it says yes to right and to wrong answers, and whether order matters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from router_training.contract import DataError, UsageError

PSEUDO_ANSWERS = 2.0
USUAL_YES_IF_RIGHT, USUAL_YES_IF_WRONG = 0.8, 0.45
KEYS = (
    "yes_if_right",
    "yes_if_wrong",
    "n_right",
    "n_wrong",
    "flips",
    "yes_offered_first",
    "yes_offered_last",
    "n_unread",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge said of one graded answer; None where it said neither yes nor no. `quality` lies in [0, 1].

    `last` is what it said when yes was offered last instead of first; None where it was not asked so.
    """

    quality: float
    first: bool | None
    last: bool | None = None


@dataclass(frozen=True, slots=True)
class JudgeBias:
    """`yes_if_right` and `yes_if_wrong` are rates in [0, 1], over `n_right` and `n_wrong` graded answers.

    `flips` is the share of answers on which the order of yes and no changed the verdict, and `yes_offered_first` and
    `yes_offered_last` the rates of yes in either order, all None where only one order was asked; `n_unread` counts
    replies that were neither.
    """

    yes_if_right: float
    yes_if_wrong: float
    n_right: int = 0
    n_wrong: int = 0
    flips: float | None = None
    yes_offered_first: float | None = None
    yes_offered_last: float | None = None
    n_unread: int = 0

    def ratio(self, says_yes: bool) -> float:
        """Return the likelihood ratio of a yes or a no; a judge worse than a coin is worth nothing."""
        if self.yes_if_right <= self.yes_if_wrong:
            return 1.0
        if says_yes:
            return self.yes_if_right / self.yes_if_wrong
        return (1.0 - self.yes_if_right) / (1.0 - self.yes_if_wrong)

    @property
    def leniency(self) -> float:
        """How much oftener it says yes to wrong answers than no to right ones; 0 is even-handed, in [-1, 1]."""
        return self.yes_if_wrong - (1.0 - self.yes_if_right)

    def save(self, path: Path) -> None:
        """Write a JSON file that `load_bias` reads.

        Raises:
            DataError: if it cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise DataError(f"{path} cannot be written ({error.strerror}); name another file") from error


USUAL_BIAS = JudgeBias(USUAL_YES_IF_RIGHT, USUAL_YES_IF_WRONG)
"""Of a judge that nobody has measured: models tend to say yes."""


def measure_bias(verdicts: Sequence[Verdict]) -> JudgeBias:
    """Measure a judge on graded answers; rates are drawn towards the usual ones by PSEUDO_ANSWERS answers.

    Raises:
        UsageError: if it said yes or no to no right answer, or to no wrong one.
    """
    read = [one for one in verdicts if one.first is not None]
    right, wrong = sum(one.quality for one in read), sum(1.0 - one.quality for one in read)
    if right <= 0.0 or wrong <= 0.0:
        raise UsageError(
            f"the judge said yes or no to {right:g} right and {wrong:g} wrong answers, but at least one of each is needed; "
            "give more cases, or a judge that ends with YES or NO"
        )
    yes_right = sum(one.quality for one in read if one.first)
    yes_wrong = sum(1.0 - one.quality for one in read if one.first)
    both = [one for one in read if one.last is not None]
    n = max(len(both), 1)
    return JudgeBias(
        yes_if_right=(yes_right + PSEUDO_ANSWERS * USUAL_YES_IF_RIGHT) / (right + PSEUDO_ANSWERS),
        yes_if_wrong=(yes_wrong + PSEUDO_ANSWERS * USUAL_YES_IF_WRONG) / (wrong + PSEUDO_ANSWERS),
        n_right=round(right),
        n_wrong=round(wrong),
        flips=sum(one.first != one.last for one in both) / n if both else None,
        yes_offered_first=sum(bool(one.first) for one in both) / n if both else None,
        yes_offered_last=sum(bool(one.last) for one in both) / n if both else None,
        n_unread=len(verdicts) - len(read),
    )


def load_bias(path: Path) -> JudgeBias:
    """Read what `JudgeBias.save` wrote.

    Raises:
        DataError: if the file cannot be read, or holds something else.
    """
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        bias = JudgeBias(**{key: kept[key] for key in KEYS})
        is_sound = 0.0 < bias.yes_if_right < 1.0 and 0.0 < bias.yes_if_wrong < 1.0
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} holds no bias of a judge ({type(error).__name__}: {error}); write one with: pointsman verifiers calibrate"
        ) from error
    if not is_sound:
        raise DataError(f"{path}: both rates of yes must lie between 0 and 1; measure the judge again")
    return bias
