"""Compare the runs of a sweep, split by split, and print the tables of experiments/compare.md.

uv run tenure-train experiment=compare
uv run python experiments/compare.py [EXPERIMENT]

It takes the finished runs of `tenure-train experiment=compare` in MLflow's experiment EXPERIMENT, whatever their log;
of several runs of one model, prior and split the latest. Runs of one split have the same customers and days, so that
each is compared with the default recipe's, customer by customer: by the leave-one-out elpd, and by the CRPS of the
holdout, forecast again by both with the same random numbers. These are new draws, so that last digits differ from those
of the runs. Runs of different splits are not compared. The tables and a figure are logged in a run in EXPERIMENT.
"""

import argparse
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import mlflow
from matplotlib import rc_context
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from tenure import fit, promote, registry
from tenure.figures.style import CHAINS, STYLE
from tenure.jobs.compose import compose_settings
from tenure.jobs.run_settings import read_recipe
from tenure.posterior import Posterior
from tenure.rfm import AcquisitionWindow, split_log
from tenure.transactions import read

CLEAR = promote.TOLERATED  # standard errors
ROWS = [
    ("effective parameters of the purchase model", "calibration.purchases.loo_p", "{:.1f}"),
    ("largest k-hat of the purchase model, a customer left out", "calibration.purchases.khat_max", "{:.2f}"),
    ("purchases in the holdout, bias of the total", "purchases.bias", "{:+.1%}"),
    ("purchases, 90% coverage (randomised PIT)", "purchases.pit_coverage", "{:.1%}"),
    ("purchases, lower 5% tail", "purchases.pit_low_tail", "{:.1%}"),
    ("purchases, upper 5% tail", "purchases.pit_high_tail", "{:.1%}"),
    ("purchases, correlation with the actual ones", "purchases.correlation", "{:.3f}"),
    ("spend in the holdout, bias of the total", "spend.bias", "{:+.1%}"),
    ("spend, 90% coverage (randomised PIT)", "spend.pit_coverage", "{:.1%}"),
]
# By name, the format of a number and of its difference from the reference's, and the smallest difference that counts
# (in elpd more than the Monte Carlo error, which no standard error contains).
MEASURES = {
    "elpd of purchases": ("{:,.1f}", "{:+.1f} ± {:.1f}", fit.LEAST_ELPD),
    "elpd of spend": ("{:,.1f}", "{:+.1f} ± {:.1f}", fit.LEAST_ELPD),
    "CRPS of purchases": ("{:.4f}", "{:+.4f} ± {:.4f}", 0.0),
    "CRPS of spend": ("{:.3f}", "{:+.3f} ± {:.3f}", 0.0),
}

READING = f"""elpd is a sum over customers: higher is better. CRPS is a mean over customers: lower is better. A
difference is the run's own number less the reference's, with its standard error paired over customers. It is clear, and
bold, beyond {CLEAR:g} standard errors, and in elpd also beyond {fit.LEAST_ELPD:g}; otherwise it is a tie.
"""


def main(experiment="compare"):
    settings = compose_settings("train", ["experiment=compare", f"registry.experiment={experiment}"])
    registry.connect(settings.registry)
    splits = find_runs(experiment)
    if not splits:
        sys.exit(
            f"The experiment {experiment} at {mlflow.get_tracking_uri()} has no finished run of tenure-train"
            " experiment=compare. Start the sweep first, with this store, or name its experiment."
        )
    shipped = f"{settings.fit.purchase_model} {settings.registry.tags['priors']}"
    sections, by_split = [], {}
    for runs in splits.values():
        title, reference = describe(runs), shipped if shipped in runs else next(iter(runs))
        own, differences = compare_runs(runs, reference)
        sections.append(f"{title}.\n\n{tabulate(runs)}\n\n{tabulate_differences(reference, own, differences)}\n")
        by_split[title] = differences
    page = "\n".join([*sections, READING])
    print(f"\n{page}")
    keep(page, draw(by_split), replace(settings.registry, run_name="side by side", tags={}), splits)


def find_runs(experiment):
    """Find the runs of each split, by recipe; a later run of a recipe replaces an earlier one."""
    splits = defaultdict(dict)
    finished = "attributes.status = 'FINISHED' and tags.job = 'train'"
    for run in mlflow.search_runs(
        experiment_names=[experiment], filter_string=finished, order_by=["start_time ASC"], output_format="list"
    ):
        evidence = registry.evidence(run.info.run_id)
        tags = evidence.tags
        if "priors" in tags:
            same_days = (tags["data.digest"], tags["cutoff"], tags["end"])
            splits[same_days][f"{evidence.params['fit.purchase_model']} {tags['priors']}"] = evidence
    return dict(sorted(splits.items()))


def describe(runs):
    one = next(iter(runs.values()))
    log, days, customers = one.params["transactions.path"], one.metrics["horizon_days"], one.metrics["customers"]
    return f"{Path(log).name}, calibrated to {one.tags['cutoff']}, {days:.0f} days held out, {customers:,.0f} customers"


def compare_runs(runs, reference):
    """Return the reference's own numbers, by measure, and each other recipe's differences from it with their errors."""
    recipe = read_recipe(runs[reference].recipe())
    transactions = read(recipe.transactions)
    if transactions.digest != runs[reference].tags["data.digest"]:
        sys.exit(f"{recipe.transactions.path} is no longer the log that these runs were trained on.")
    window = split_log(transactions, recipe.rfm.cutoff, recipe.rfm.end, AcquisitionWindow.of(recipe.rfm, transactions))
    posteriors = {
        name: Posterior.load(run.file("posterior/calibration.npz")).thin(recipe.fit.joint_draws)
        for name, run in runs.items()
    }
    loos = {name: [run.loo("calibration", model) for model in ("purchases", "spend")] for name, run in runs.items()}
    own, differences = {}, {}
    for name in runs:
        comparison = promote.compare_recipes(window, posteriors[reference], posteriors[name], seed=recipe.seed)
        scores = (comparison.purchases, comparison.spend)
        if name == reference:
            figures = [loo.elpd for loo in loos[name]] + [one.champion_crps for one in scores]
            own = dict(zip(MEASURES, figures, strict=True))
            continue
        gains = [
            fit.compare(own_loo, reference_loo)
            for own_loo, reference_loo in zip(loos[name], loos[reference], strict=True)
        ]
        pairs = [(one.elpd, one.se) for one in gains] + [(one.difference, one.difference_se) for one in scores]
        differences[name] = dict(zip(MEASURES, pairs, strict=True))
    return own, differences


def tabulate(runs):
    lines = [["", *runs], ["---"] * (len(runs) + 1)]
    lines += [[label, *(form.format(run.metrics[key]) for run in runs.values())] for label, key, form in ROWS]
    lines += [["verdict", *(run.tags["verdict"] for run in runs.values())]]
    lines += [["run", *(f"`{run.run_id}`" for run in runs.values())]]
    return as_markdown(lines)


def tabulate_differences(reference, own, differences):
    """Return a table of differences with their paired standard errors, in bold those that are clear."""
    lines = [["less the reference", *MEASURES], ["---"] * (len(MEASURES) + 1)]
    lines += [[f"{reference} itself", *(MEASURES[name][0].format(figure) for name, figure in own.items())]]
    for recipe, measured in differences.items():
        lines.append([recipe, *(as_cell(name, *pair) for name, pair in measured.items())])
    return as_markdown(lines)


def as_cell(measure, difference, error):
    _, form, least = MEASURES[measure]
    cell = form.format(difference, error)
    return f"**{cell}**" if abs(difference) > max(CLEAR * error, least) else cell


def as_markdown(lines):
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def draw(by_split):
    """Plot every difference from the reference, with two standard errors to either side, a colour per split."""
    names = sorted({name for differences in by_split.values() for name in differences})
    with rc_context(STYLE):
        figure = Figure(figsize=(13, 1.5 + len(names)), layout="constrained")
        panels = figure.subplots(1, len(MEASURES), sharey=True)
        for panel, measure in zip(panels, MEASURES, strict=True):
            least = MEASURES[measure][2]
            panel.axvline(0, color="grey", linewidth=0.8)
            panel.axvspan(-least, least, color="grey", alpha=0.15, linewidth=0)  # no difference, whatever its error
            panel.set(title=measure, yticks=range(len(names)), yticklabels=names)
            for at, (title, differences) in enumerate(by_split.items()):
                pairs = [differences[name][measure] for name in differences]
                panel.errorbar(
                    [difference for difference, _ in pairs],
                    [names.index(name) + 0.5 * at / len(by_split) for name in differences],
                    xerr=[CLEAR * error for _, error in pairs],
                    fmt="o", color=CHAINS[at % len(CHAINS)], label=title,
                )  # fmt: skip
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center")
    return figure


def keep(page, figure, settings, splits):
    ids = [run.run_id for runs in splits.values() for run in runs.values()]
    with registry.open_run(settings, "compare", OmegaConf.to_yaml({"runs": ids})) as opened:
        mlflow.log_text(page, "compare.md")
        mlflow.log_figure(figure, "differences.png")
    print(f"Logged in run {opened.info.run_id}.")


def read_arguments(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "experiment",
        metavar="EXPERIMENT",
        nargs="?",
        default="compare",
        help="the experiment of the runs [%(default)s]",
    )
    return parser.parse_args(arguments).experiment


if __name__ == "__main__":
    main(read_arguments())
