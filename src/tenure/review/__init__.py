"""The review: limits, the checks of a run's metrics against them, and the verdict."""

from .verdict import Check, Review, Verdict, judge

__all__ = ["Check", "Review", "Verdict", "judge"]
