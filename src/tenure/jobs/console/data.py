"""A purchase log: the fate of its rows, its customer ids, its windows."""

from tenure.rfm import EARLY_WEEKS, LEAST_WEEKS, AcquisitionWindow, Split, Truncation
from tenure.transactions import Identities, Reconciliation, Unscored, repeats_text

from .terminal import new_table, plain, stdout

SUSPECT = 0.01  # p-value of an excess of early first purchases; few steady logs are below it


def print_reconciliation(accounts: Reconciliation) -> None:
    """Print the fate of every row and every cent."""
    table = new_table(f"\nThe log, to {accounts.until}: every row and every cent", "", "rows", "amount")
    for line in accounts.lines:
        table.add_row(plain(line.label), f"{line.rows:,}", f"{line.amount:,.2f}")
    table.add_row("[bold]all of it[/bold]", f"{accounts.rows:,}", f"{accounts.amount:,.2f}")
    out = stdout()
    out.print(table)
    again = f"; {repeats_text(accounts.duplicates)}" if accounts.duplicates else ""
    out.print(
        f"{accounts.purchases:,} purchases, one per customer and day, of {accounts.revenue:,.2f} after refunds{again}."
    )
    for stray in accounts.strays or ():
        out.print(f"[yellow]{plain(stray.in_words)}.[/yellow]")


def print_unscored(unscored: Unscored, done: str) -> None:
    """Print how many customers have no purchase and why; `done` is what the command does with the others."""
    for line in unscored.lines(done):
        stdout().print(plain(line))


def print_identities(identities: Identities) -> None:
    """Print which customer ids may be one customer's or many customers', and the largest customer's share of spend."""
    out = stdout()
    for line in identities.findings():
        out.print(f"[yellow]{plain(line)}[/yellow]")
    if identities.largest is not None:
        share = f"{identities.largest_share:.1%}"
        out.print(plain(f"The largest customer, {identities.largest!r}, has {share} of all spend."))


def print_window(split: Split, window: AcquisitionWindow, truncation: Truncation | None) -> None:
    """Print how many customers are fitted and left out, and whether the log's first weeks look left-truncated."""
    out, left = stdout(), split.left_out
    customers, repeat_buyers, paying = split.counts
    lines = [f"{customers:,} customers to {split.cutoff}"]
    if left.left_truncated:
        lines.append(f"{left.left_truncated:,} left out, acquired before the log began")
    if left.outside:
        lines.append(f"{left.outside:,} left out, as they first bought outside {window.in_words}")
    if split.acquired_in_holdout:
        lines.append(f"{split.acquired_in_holdout:,} first seen in the holdout")
    out.print("; ".join(lines) + ".")
    if free := repeat_buyers - paying:
        out.print(
            f"{free:,} of {repeat_buyers:,} repeat buyers paid nothing for their repeat purchases: left out of the"
            " spend fit, valued at the population's mean spend."
        )
    out.print(_truncation(truncation))


def _truncation(truncation: Truncation | None) -> str:
    if truncation is None:
        return f"Left-truncated customers: not looked for, in fewer than {LEAST_WEEKS} weeks of first purchases."
    excess = (
        f"First purchases of the first {EARLY_WEEKS} weeks from {truncation.first}: {truncation.early:,}, where the "
        f"later {'trend' if truncation.is_cohort else 'rate'} gives "
        f"{truncation.early - truncation.excess:,.0f}: {truncation.excess:+,.0f} ± "
        f"{truncation.excess_se:,.0f} (p {truncation.p_value:.2g})."
    )
    if truncation.p_value >= SUSPECT:
        return excess
    return (
        f"[yellow]{excess} The likely cause is left-truncated customers, who first bought before the log began. See"
        " data/acquisitions.png, and rfm.burn_in_days, rfm.acquisition or transactions.columns.acquired.[/yellow]"
    )
