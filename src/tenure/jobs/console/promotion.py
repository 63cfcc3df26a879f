"""A promotion: both recipes side by side, and the decision."""

from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from .terminal import COLOURS, new_table, stdout

if TYPE_CHECKING:
    from tenure.promote import Comparison

    from ..results import Promotion


def print_promotion(promotion: "Promotion") -> None:
    """Print both recipes side by side, and the decision."""
    out = stdout()
    if promotion.comparison is not None:
        out.print(_comparison(promotion.comparison))
    verdict, uri = promotion.challenger.verdict, promotion.challenger.uri
    out.print(f"\n[bold]Verdict of {uri}: [{COLOURS[verdict]}]{verdict}[/][/bold]")
    place = f" in the place of {promotion.champion.uri}" if promotion.champion else ""
    done = f"{uri} is champion now{place}" if promotion.decision.is_promoted else f"{uri} was not promoted"
    out.print(f"[bold]{done}[/bold]: {escape(promotion.decision.because)}")


def _comparison(comparison: "Comparison") -> Table:
    days = (comparison.end - comparison.cutoff).days
    title = (
        f"\nBoth recipes fitted to the days up to {comparison.cutoff}, then {days} days to {comparison.end}: "
        f"{comparison.customers:,} customers"
    )
    table = new_table(title, "", "champion", "challenger", "difference", "standard error")
    for name in ("spend", "purchases"):
        paired = getattr(comparison, name)
        scores = (paired.champion_crps, paired.challenger_crps)
        errors = (f"{paired.difference:+.4g}", f"{paired.difference_se:.2g}")
        table.add_row(f"mean CRPS of {name}", *(f"{score:.4g}" for score in scores), *errors)
    for name in ("spend", "purchases"):
        paired = getattr(comparison, name)
        biases = (paired.champion_bias, paired.challenger_bias)
        table.add_row(f"bias of {name}", *(f"{bias:+.1%}" for bias in biases), "", "")
    return table
