"""The straight lines: what each command does, from settings to exit code."""

from .app import score, simulate, train

__all__ = ["score", "simulate", "train"]
