"""The straight lines: what each command does, from settings to exit code."""

from .app import promote, score, simulate, train

__all__ = ["promote", "score", "simulate", "train"]
