"""A review: the verdict and the findings, in the words of `tenure.review`."""

from tenure.review import Kind, Review, lines

from .terminal import COLOURS, plain, stdout

INDENT = {Kind.FINDING: "  ", Kind.CONSEQUENCE: "      ", Kind.DETAIL: "      "}


def print_review(review: Review) -> None:
    """Print the verdict and the findings."""
    out = stdout()
    out.print()
    for line in lines(review):
        start, text = INDENT.get(line.kind, ""), plain(line.text)
        if line.kind is Kind.DETAIL:
            out.print(f"{start}[dim]{text}[/dim]")
        elif line.verdict is None:
            out.print(f"{start}{text}")
        else:
            coloured = text.replace(line.verdict, f"[bold {COLOURS[line.verdict]}]{line.verdict}[/]", 1)
            out.print(f"{start}{coloured}")
