"""The review: limits, and the verdict on the numbers of a run."""

from .judge import Check, Review, Verdict, judge
from .limits import LimitSettings, ReviewSettings, ReviewSettingsError

__all__ = ["Check", "LimitSettings", "Review", "ReviewSettings", "ReviewSettingsError", "Verdict", "judge"]
