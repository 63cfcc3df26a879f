"""A synthetic log: what was written, and the command that fits it."""

from typing import TYPE_CHECKING

from tenure import invocation
from tenure.settings import SimulateJobSettings

from .terminal import new_table, plain, stdout

if TYPE_CHECKING:
    from tenure.simulate import Simulated


def print_simulated(simulated: "Simulated", settings: SimulateJobSettings) -> None:
    """Print what was written, the counts of customers and rows, and the next command."""
    out, counts, log = stdout(), simulated.counts, settings.simulate
    table = new_table(f"\nA synthetic log, {log.start} to {log.end}, by {log.truth.purchase_model}", "", "count")
    for label, count in _counts(simulated):
        table.add_row(label, f"{count:,}")
    out.print(table)
    out.print(f"Bought on one day alone: {counts['one_time'] / max(counts['customers'], 1):.1%} of customers")
    files = f" ({simulated.files} files)" if simulated.files > 1 else ""
    out.print(f"\nWritten: [bold]{plain(simulated.output)}[/bold]{files}")
    if settings.truth is not None:
        out.print(f"Each customer's truth: [bold]{plain(settings.truth)}[/bold]")
    out.print(f"To fit it:  {plain(invocation.command('train', *_overrides(settings)))}")


def _counts(simulated: "Simulated") -> list[tuple[str, int]]:
    """List the counts that every log has, then those of this log that are not zero."""
    words = {"purchase_days": "purchases (customer and day)", "one_time": None}
    always = ("customers", "purchase_days", "orders", "rows")
    rest = {name: count for name, count in simulated.counts.items() if name not in always and count}
    counts = {name: simulated.counts[name] for name in always} | rest
    labels = {name: words.get(name, name.replace("_", " ")) for name in counts}
    return [(label, counts[name]) for name, label in labels.items() if label is not None]


def _overrides(settings: SimulateJobSettings) -> list[str]:
    model = f"fit.purchase_model={settings.simulate.truth.purchase_model}"
    orders = ["transactions.columns.order_id=order_id"] if settings.simulate.refunds.share else []
    return [f"transactions.path={settings.output}", *orders, model]
