"""Write a run's report: one HTML page that holds everything it shows, made of the run's evidence alone.

The page loads nothing, so that it opens in MLflow's artifact viewer, in a mail and on paper alike. It says what the
run logged and judges nothing; what a run did not log is named as missing. No customer is on it. Jinja is known here
and nowhere else, and escapes whatever comes from a run.
"""

from .page import render

__all__ = ["render"]
