"""What vouches for the fit: parameters, the prior's part, the sampler."""

from tenure.registry import Evidence

from .cells import Cell, Note, Table, frame, percent, plain
from .pictures import Picture, picture

STAGES = {"calibration": "the days up to the cut-off", "final": "the whole log"}
MODELS = ("purchases", "spend")
KINDS = ("prior_posterior", "check", "rank", "energy")
DIAGNOSTICS = {
    "rhat_max": "R-hat, highest",
    "ess_bulk_min": "ESS bulk, lowest",
    "ess_tail_min": "ESS tail, lowest",
    "divergences": "divergences",
    "bfmi_min": "BFMI, lowest",
    "proposal_khat": "k-hat of the weights",
    "effective_draws": "effective draws",
    "khat_max": "k-hat of leave-one-out, highest",
    "prior_sensitivity_max": "prior's pull, highest",
}

DOMINATED = "is a parameter's posterior dominated by the prior or by the data?"


def posterior(evidence: Evidence, stage: str) -> list[Table | Picture | Note]:
    """Gather the section: what vouches for both fits, then tables and pictures of one `stage`."""
    folder = f"diagnostics/{stage}"
    level = f"{float(evidence.params['review.level']):.0%}"
    business = f"Prior and posterior in business terms: medians and {level} credible intervals."
    tables = [
        (f"{folder}/prior_consequences", business),
        *((f"{folder}/{model}_summary", f"Parameters of {model}. Look for R-hat near 1.") for model in MODELS),
        *((f"{folder}/{model}_sensitivity", f"{model}: {DOMINATED}") for model in MODELS),
    ]
    pictures = ["prior_consequences"]
    pictures += [f"{model}_{kind}" for kind in KINDS for model in MODELS]
    return [
        diagnostics(evidence),
        refit_drift(evidence),
        *(frame(evidence.table(path), caption) for path, caption in tables if evidence.holds(f"{path}.csv")),
        *(picture(evidence, f"{folder}/{name}") for name in pictures if evidence.holds(f"{folder}/{name}.png")),
    ]


def last_stage(evidence: Evidence) -> str:
    """Name the last fit that the run came to: a model that failed is not refitted."""
    return "final" if any(key.startswith("final.") for key in evidence.metrics) else "calibration"


def refit_drift(evidence: Evidence) -> Table | Note:
    """Lay out how far the refit to the whole log moved from the fit that was judged."""
    metrics = evidence.metrics
    if "final.purchases.refit_drift" not in metrics:
        return Note("There is no refit to the whole log, so none that could have moved.", "missing")
    rows = [
        [
            Cell(label),
            percent(metrics.get(f"final.{model}.refit_drift"), signed=True),
            percent(metrics.get(f"final.{model}.refit_drift_se")),
        ]
        for model, label in (("purchases", "purchases of a new customer"), ("spend", "mean of one purchase"))
    ]
    return Table(
        "How far the refit to the whole log moved from the fit that was judged. Look for a move of no more than chance "
        "gives: beyond it the days held out were unlike those before, and what is registered is not "
        "quite what was judged.",
        ("", "moved by", "chance alone, ±"),
        rows,
    )


def diagnostics(evidence: Evidence) -> Table:
    """Lay out the numbers that vouch for each fit."""
    fits = [(stage, model) for stage in STAGES for model in MODELS if f"{stage}.{model}.method" in evidence.tags]
    logged = evidence.metrics
    known = [name for name in DIAGNOSTICS if any(f"{at}.{model}.{name}" in logged for at, model in fits)]
    rows = [
        [
            Cell(STAGES[stage]),
            Cell(model),
            Cell(evidence.tags[f"{stage}.{model}.method"]),
            *(plain(logged.get(f"{stage}.{model}.{name}")) for name in known),
        ]
        for stage, model in fits
    ]
    return Table(
        "What vouches for the draws. Look for R-hat below 1.01, effective sizes above 400, no divergence, and k-hat "
        "below 0.7; the limits are in the checks.",
        ("fitted to", "model", "method", *(DIAGNOSTICS[name] for name in known)),
        rows,
    )
