"""The review: limits, and the verdict on the numbers of a run."""

from .judge import Check, Review, Verdict, judge

__all__ = ["Check", "Review", "Verdict", "judge"]
