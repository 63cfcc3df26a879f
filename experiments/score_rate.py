"""Compare the rate of `tenure-score`, from a Parquet summary to a folder of parts, with that of its scorer alone.

Both score the same customers in one process, in turn, after everything is compiled; the lowest seconds of each count.
The stages of the job are timed too. Then the cost of exact sums: the scorer beside a copy of it that adds up ordinary
sums, in turn, CPU seconds of one thread.

    uv run python experiments/score_rate.py [--customers 1000000] [--draws 1000] [--repeats 3] [--times 7]
"""

import argparse
import importlib
import logging
import os
import re
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import redirect_stdout
from pathlib import Path

import pandas as pd
from fit_benchmark import make_summary
from score_benchmark import synthetic_posterior
from score_parts import log_training, many, settings_of

import tenure
from tenure import registry
from tenure.jobs import part_scores, scoring
from tenure.jobs.local_engine import LocalEngine
from tenure.scorer import Scorer

PART, FEW = 250_000, 20_000
COPY = "ordinary_sums"  # the package of the copy
STAGES = {
    "load the model": (registry, "load"),
    "check and divide": (LocalEngine, "divide"),
    "score and write": (LocalEngine, "score"),
    "of it the scorer": (part_scores._PartScorer, "score"),
}
# What adds to the two bins of exact sums in the kernel; ordinary sums have one.
EXACT = re.compile(
    r"coarse, fine = split\((?P<value>.*), [\w.]+\)\n"
    r" +sums\[0, s\] \+= (?P<times>.*)coarse\n"
    r" +sums\[1, s\] \+= .*fine\n"
)
PLACES = 3


def clock(spent):
    """Let each stage of a job add its seconds to `spent`."""
    for stage, (owner, name) in STAGES.items():
        setattr(owner, name, clocked(getattr(owner, name), stage, spent))


def clocked(function, stage, spent):
    def run(*arguments, **named):
        start = time.perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            spent[stage] += time.perf_counter() - start

    return run


def alone(scorer, table):
    for at in range(0, len(table), PART):
        scorer.score(table.iloc[at : at + PART])


def job(settings):
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        scoring.run(settings, "")


def measured(function, *arguments, **named):
    """Return the seconds and the CPU seconds of a call."""
    start, cpu = time.perf_counter(), time.process_time()
    function(*arguments, **named)
    return time.perf_counter() - start, time.process_time() - cpu


def rates(customers, draws, repeats):
    """Print the rate of the scorer alone, that of the job, their ratio, and the seconds of the job's stages."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, path = log_training(folder, draws), many(folder, customers)
        job(settings_of(folder, model, many(folder, 1000), f"{folder}/compiled/"))
        scorer, table = registry.load(model).scorer, pd.read_parquet(path)
        spent, best = defaultdict(float), {}
        clock(spent)
        for number in range(repeats):
            settings = settings_of(folder, model, path, f"{folder}/{number}/")
            for what, call in (("tenure-score", (job, settings)), ("scorer alone", (alone, scorer, table))):
                spent.clear()
                result = (*measured(*call), dict(spent))
                print(f"{what}: {result[0]:.1f} s, {result[1]:.1f} CPU s, {result[2]}", file=sys.stderr, flush=True)
                best[what] = min(best.get(what, result), result)
    print_rates(customers, draws, best)


def print_rates(customers, draws, best):
    print(f"{customers:,} customers, {draws:,} draws, {len(os.sched_getaffinity(0))} cores\n")
    print("| | seconds | customers a second | CPU us a customer |\n|---|---|---|---|")
    for what, (seconds, cpu, _) in best.items():
        print(f"| {what} | {seconds:.1f} | {customers / seconds:,.0f} | {1e6 * cpu / customers:.1f} |")
    (alone_seconds, alone_cpu, _), (seconds, cpu, spent) = best["scorer alone"], best["tenure-score"]
    rest = seconds - sum(spent[stage] for stage in STAGES if not stage.startswith("of"))
    stages = ", ".join(f"{stage} {spent[stage]:.1f}" for stage in STAGES)
    print(f"\nRatio of the rates: {alone_seconds / seconds:.1%}; of CPU seconds: {alone_cpu / cpu:.1%}.")
    print(f"The scorer works {spent['of it the scorer'] / seconds:.1%} of the job's time.")
    print(f"Seconds of the job's stages: {stages}, the rest {rest:.1f}.\n", flush=True)


def ordinary_scorer(folder, draws):
    """Return a scorer of a copy of the code that adds up ordinary sums."""
    copy = Path(folder, COPY)
    shutil.copytree(Path(tenure.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    kernel = copy / "scorer" / "kernel.py"
    text, places = EXACT.subn(r"sums[0, s] += \g<times>(\g<value>)\n", kernel.read_text())
    if places != PLACES:
        sys.exit(f"the kernel has {places} places that add to exact sums; {PLACES} are known here")
    kernel.write_text(text)
    sys.path.insert(0, str(folder))
    posterior, scorer = importlib.import_module(f"{COPY}.posterior"), importlib.import_module(f"{COPY}.scorer")
    present = synthetic_posterior().thin(draws)
    return scorer.Scorer(posterior.Posterior(present.draws, "bg_nbd", "gamma_gamma"), threads=1)


def exact_sums(draws, times):
    """Print the CPU seconds of the scorer with exact and with ordinary sums, and their ratio."""
    customers = make_summary(FEW).table
    with tempfile.TemporaryDirectory() as folder:
        scorers = {"exact": Scorer(synthetic_posterior().thin(draws), threads=1)}
        scorers["ordinary"] = ordinary_scorer(folder, draws)
        for by_month in (False, True):
            cpu = {name: [] for name in scorers}
            for _ in range(times + 1):
                for name, scorer in scorers.items():
                    cpu[name].append(measured(scorer.score, customers, by_month=by_month)[1])
            cpu = {name: several[1:] for name, several in cpu.items()}  # the first time compiles
            lowest = {name: min(several) for name, several in cpu.items()}
            print(
                f"{FEW:,} customers{' by month' if by_month else ''}, one thread, the lowest of {times}:"
                f" exact sums {lowest['exact']:.2f} CPU s, ordinary sums {lowest['ordinary']:.2f}:"
                f" exact ones cost {lowest['exact'] / lowest['ordinary'] - 1:+.1%} (medians"
                f" {pd.Series(cpu['exact']).median() / pd.Series(cpu['ordinary']).median() - 1:+.1%})",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compare the rate of the job with that of the scorer alone.")
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3, help="of each rate; 0 for exact sums alone")
    parser.add_argument("--times", type=int, default=7, help="of exact sums; 0 for the rates alone")
    arguments = parser.parse_args()
    logging.getLogger("tenure").setLevel(logging.ERROR)
    if arguments.repeats:
        rates(arguments.customers, arguments.draws, arguments.repeats)
    if arguments.times:
        exact_sums(arguments.draws, arguments.times)
