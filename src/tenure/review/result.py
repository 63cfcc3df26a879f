"""Checks, the findings that they make, and the verdict."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

import pandas as pd

from .. import paths
from ..failures import Failure
from ..record import Record

FAILED_PART = "failed_part"


class Verdict(StrEnum):
    """PASS: may be used. REVIEW: a person decides. FAIL: must not be used."""

    PASS = "PASS"
    REVIEW = "REVIEW"
    FAIL = "FAIL"

    @property
    def severity(self) -> int:
        """Return the rank of the verdict; FAIL has the highest."""
        return list(Verdict).index(self)


@dataclass(frozen=True)
class Check:
    """A metric and its limits.

    Attributes:
        name: of the check.
        metric: the metric that it checks.
        value: of the metric; None where it is missing or not finite.
        verdict: of the check.
        finding: what was measured and what it means, in one sentence; empty where it passed.
        advice: what to do; empty where it passed.
        detail: the metric's value, its standard error, and the limit that it is beyond.
        limit: where REVIEW and FAIL begin.
        reason: why the limits are where they are.
        side: `below` or `above` the band; empty where the value is inside or missing.
        distance: how far outside the band, in widths of the band's margin to FAIL.
        cause: the metric of the finding that explains this one; empty where there is none.
    """

    name: str
    metric: str
    value: float | None
    verdict: Verdict
    finding: str
    advice: str
    detail: str
    limit: str
    reason: str
    side: str = ""
    distance: float = 0.0
    cause: str = ""

    def __post_init__(self) -> None:
        if self.verdict is not Verdict.FAIL and (self.value is None or not math.isfinite(self.value)):
            raise ValueError(f"Check {self.name} of {self.metric} is {self.verdict} without a finite number.")


@dataclass(frozen=True)
class Finding:
    """A check outside its limits, with the checks that it explains.

    A check that fails is explained by another one only if that one fails too, so the verdict of a finding is that of
    its main check.
    """

    check: Check
    consequences: tuple[Check, ...] = ()

    @property
    def headline(self) -> str:
        """Return what was measured, what it means and what to do, in one line."""
        return f"{self.check.verdict}: {self.check.finding} {self.check.advice}".rstrip()

    @property
    def explained(self) -> tuple[str, ...]:
        """Return a line for each check that the finding explains, with its advice where no earlier line has it."""
        texts, given = [], {self.check.advice}
        for check in self.consequences:
            advice = "" if check.advice in given else check.advice
            given.add(check.advice)
            texts.append(f"{check.verdict}, for the same reason: {check.finding} {advice}".rstrip())
        return tuple(texts)

    def __str__(self) -> str:
        return "\n  ".join((self.headline, *self.explained))

    def rank(self) -> tuple[float, ...]:
        """Return what findings are sorted by."""
        return -self.check.verdict.severity, -len(self.consequences), -self.check.distance


@dataclass(frozen=True)
class Review:
    """All checks of a run. The verdict is the worst of theirs, and FAIL if there are none.

    Attributes:
        checks: one per metric.
        skipped: a sentence for each check that does not apply.
        notes: sentences on the findings as a whole, such as how the registered model differs from the tested one.
    """

    checks: tuple[Check, ...]
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Return the worst verdict of all checks."""
        verdicts = (check.verdict for check in self.checks)
        return max(verdicts, key=lambda verdict: verdict.severity, default=Verdict.FAIL)

    @property
    def concerns(self) -> tuple[Check, ...]:
        """List the checks that did not pass, the worst first."""
        outside = [check for check in self.checks if check.verdict is not Verdict.PASS]
        return tuple(sorted(outside, key=lambda check: -check.verdict.severity))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """List the checks that did not pass, those of one cause as one finding.

        The worst verdict is first, then the finding that explains most checks, then the farthest outside its limits.
        """
        concerns = self.concerns
        own = [check for check in concerns if not check.cause]
        effects = {check.metric: [other for other in concerns if other.cause == check.metric] for check in own}
        # A cause that is no finding, as in a review that somebody else wrote, hides nothing.
        own += [check for check in concerns if check.cause and check.cause not in effects]
        findings = [Finding(check, tuple(effects.pop(check.metric, ()))) for check in own]
        return tuple(sorted(findings, key=Finding.rank))

    def to_frame(self) -> pd.DataFrame:
        """Return the checks as a table, one row each."""
        return pd.DataFrame([asdict(check) for check in self.checks], columns=[field.name for field in fields(Check)])

    def to_dict(self) -> dict[str, Any]:
        """Return the review as JSON values."""
        checks = [{**asdict(check), "verdict": check.verdict.value} for check in self.checks]
        return {
            "verdict": self.verdict.value,
            "checks": checks,
            "skipped": list(self.skipped),
            "notes": list(self.notes),
        }

    def record(self) -> Record:
        """Return the verdict, the checks as JSON and as a table, and how many fail or need a review."""
        verdicts = [check.verdict for check in self.checks]
        return Record(
            metrics={
                "review.failed": float(verdicts.count(Verdict.FAIL)),
                "review.to_review": float(verdicts.count(Verdict.REVIEW)),
            },
            tags={"verdict": self.verdict.value},
            tables={paths.REVIEW: self.to_frame()},
            files={paths.REVIEW_CHECKS: json.dumps(self.to_dict(), indent=2)},
        )

    def with_failures(self, failures: Sequence[Failure]) -> "Review":
        """Return the review with a finding for each failed part, whose verdict is REVIEW."""
        checks = [check for check in self.checks if check.name != FAILED_PART]
        return Review((*checks, *map(_failed_part, failures)), self.skipped, self.notes)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Review":
        """Read a review that `to_dict` wrote; raise ValueError if the verdict is not that of its checks."""
        checks = tuple(Check(**{**check, "verdict": Verdict(check["verdict"])}) for check in stored["checks"])
        review = cls(checks, tuple(stored["skipped"]), tuple(stored["notes"]))
        if review.verdict != stored["verdict"]:
            raise ValueError(f"The stored verdict is {stored['verdict']}, its checks give {review.verdict}.")
        return review


def _failed_part(failure: Failure) -> Check:
    return Check(
        name=FAILED_PART,
        metric=f"failures.{failure.part}",
        value=1.0,
        verdict=Verdict.REVIEW,
        finding=f"{failure.part} failed and is left out: {failure.cause.removesuffix('.')}.",
        advice=f"See {failure.path} in the run, and decide by the other findings.",
        detail=f"failures.{failure.part} is 1",
        limit="REVIEW above 0",
        reason="A failed part gives no evidence. The other checks do not depend on it.",
        side="above",
        distance=1.0,
    )
