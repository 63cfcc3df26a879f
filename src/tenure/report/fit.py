"""Fit diagnostics: parameters, sensitivity to the prior, the sampler."""

from tenure.registry import Evidence

from .pictures import Picture, logged_picture
from .tables import Cell, Note, Table, frame, percent, plain

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
    "prior_sensitivity_max": "prior sensitivity, highest",
}


def posterior_section(evidence: Evidence, stage: str) -> list[Table | Picture | Note]:
    """Return the section: diagnostics of all fits, then tables and figures of one `stage`."""
    folder = f"diagnostics/{stage}"
    level = f"{float(evidence.params['review.level']):.0%}"
    consequences = f"Prior and posterior of interpretable quantities: medians and {level} credible intervals."
    tables = [
        (f"{folder}/prior_consequences", consequences),
        *((f"{folder}/{model}_summary", f"Parameters of {model}. Look for R-hat near 1.") for model in MODELS),
        *((f"{folder}/{model}_sensitivity", f"Sensitivity of {model} to prior and data.") for model in MODELS),
    ]
    pictures = ["prior_consequences"]
    pictures += [f"{model}_{kind}" for kind in KINDS for model in MODELS]
    return [
        diagnostics_table(evidence),
        refit_drift_table(evidence),
        *(frame(evidence.table(path), caption) for path, caption in tables if evidence.holds(f"{path}.csv")),
        *(logged_picture(evidence, f"{folder}/{name}") for name in pictures if evidence.holds(f"{folder}/{name}.png")),
    ]


def last_stage(evidence: Evidence) -> str:
    """Return the last fit of the run: a model that failed is not refitted."""
    return "final" if any(key.startswith("final.") for key in evidence.metrics) else "calibration"


def refit_drift_table(evidence: Evidence) -> Table | Note:
    """Build the table of the refit drift: how far the refit to the whole log is from the calibration fit."""
    metrics = evidence.metrics
    if "final.purchases.refit_drift" not in metrics:
        return Note("There is no refit to the whole log, so no refit drift.", "missing")
    rows = [
        [
            Cell(label),
            percent(metrics.get(f"final.{model}.refit_drift"), signed=True),
            percent(metrics.get(f"final.{model}.refit_drift_se")),
        ]
        for model, label in (("purchases", "purchases of a new customer"), ("spend", "mean of one purchase"))
    ]
    return Table(
        "Refit drift: the refit to the whole log against the calibration fit that the review checked. Look for a drift "
        "within its standard error. Beyond it, the holdout differs from the calibration window, and the registered "
        "model differs from the reviewed one.",
        ("", "refit drift", "standard error"),
        rows,
    )


def diagnostics_table(evidence: Evidence) -> Table:
    """Build the table of the fit diagnostics."""
    fits = [(stage, model) for stage in STAGES for model in MODELS if f"{stage}.{model}.method" in evidence.tags]
    logged = evidence.metrics
    names = [name for name in DIAGNOSTICS if any(f"{at}.{model}.{name}" in logged for at, model in fits)]
    rows = [
        [
            Cell(STAGES[stage]),
            Cell(model),
            Cell(evidence.tags[f"{stage}.{model}.method"]),
            *(plain(logged.get(f"{stage}.{model}.{name}")) for name in names),
        ]
        for stage, model in fits
    ]
    return Table(
        "Fit diagnostics. Look for R-hat below 1.01, effective sizes above 400, no divergence, and k-hat "
        "below 0.7. The limits are in the table of checks.",
        ("fitted to", "model", "method", *(DIAGNOSTICS[name] for name in names)),
        rows,
    )
