"""The review: limits, the checks of a run's metrics against them, the findings in sentences, and the verdict."""

from .result import Check, Finding, Review, Verdict
from .text import Kind, Line, as_text, baselines_text, lines
from .verdict import judge

__all__ = ["Check", "Finding", "Kind", "Line", "Review", "Verdict", "as_text", "baselines_text", "judge", "lines"]
