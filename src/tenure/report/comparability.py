"""Which pairs of runs may be compared customer by customer."""

from tenure.registry import Evidence

# Compared by the digest of the log and by the days themselves.
COMPARED_OTHERWISE = ("transactions.path", "rfm.cutoff", "rfm.end")


def why_incomparable(first: Evidence, second: Evidence, *, is_judged: bool) -> str | None:
    """Return why two runs differ in customers or days; None if they do not.

    Args:
        first: a run.
        second: another.
        is_judged: whether the holdouts are compared too, and not the calibration windows alone.

    A fact that a run did not log counts as different.
    """
    if not first.tags.get("data.digest") or first.tags["data.digest"] != second.tags.get("data.digest"):
        return "the logs differ"
    for tag, words in (("cutoff", "calibrated to"), ("end", "held out to")):
        days = [run.tags.get(tag) for run in (first, second)]
        if (tag == "cutoff" or is_judged) and (None in days or days[0] != days[1]):
            return f"{words} {days[0]} and {days[1]}"
    rules = [settings_below(run, "transactions.", "rfm.") for run in (first, second)]
    differ = [key for key in {**rules[0], **rules[1]} if rules[0].get(key) != rules[1].get(key)]
    differ = [key for key in differ if key not in COMPARED_OTHERWISE]
    if differ:
        return f"the rules for rows or customers differ: {', '.join(differ)}"
    return None


def settings_below(run: Evidence, *prefixes: str) -> dict[str, str]:
    """Return the settings of a run whose keys start with one of the prefixes."""
    return {key: value for key, value in run.params.items() if key.startswith(prefixes)}
