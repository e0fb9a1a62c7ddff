"""What a check found in an answer."""

from __future__ import annotations

from dataclasses import dataclass

ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Finding:
    """`kind` is the check, `name` what it found, `reason` one line for people; ABSENT where the check does not apply."""

    kind: str
    name: str
    reason: str

    @property
    def key(self) -> str:
        """Kind and name: what likelihood ratios are measured for."""
        return f"{self.kind}: {self.name}"
