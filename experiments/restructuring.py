"""Compare the CPU time of fit and scorer before and after models got folders of their own, and now: house.md.

A measurement is a process of its own, which loads compiled functions from disk: for BG/NBD and MBG/NBD with Gamma-Gamma
a fit by laplace, then the scores of the same customers. It is forked after the imports, which are left out. The runs of
the trees alternate, after a round that compiles. Draws and scores are compared bit for bit. Takes about seven CPU
minutes:

    uv run python experiments/restructuring.py FOLDER [--customers 20000] [--runs 9] [--commits 6227d90 f15e7c8]

FOLDER gets the trees of the commits and keeps them, so that they are not compiled again.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from dataclasses import fields, replace
from pathlib import Path

import pandas as pd
from fit_benchmark import make_summary
from house import ROOT, extract

COMMITS = ("6227d90", "f15e7c8")  # before, and right after
MODELS = ("bg_nbd", "mbg_nbd")
DRAWS = 1000


def serve(path):
    """Import once, then measure in a process of its own for each line of the input."""
    warnings.simplefilter("ignore")
    # Functions, classes and settings had other names in the older trees.
    from tenure import fit as package
    from tenure import summary as summaries
    from tenure.jobs.compose import compose_settings
    from tenure.scorer import Scorer

    fit = first_of(package, "fit_models", "fit")
    summary_class = first_of(summaries, "CustomerSummary", "Rfm")
    summary, settings = summary_class.from_frame(pd.read_parquet(path)), compose_settings("train").fit
    for _ in sys.stdin:
        if not os.fork():
            print(json.dumps(measure(fit, settings, Scorer, summary)), flush=True)
            os._exit(0)
        if os.wait()[1]:
            sys.exit(1)


def first_of(module, *names):
    """Return what the module holds under the first of the names that it has."""
    return next(vars(module)[name] for name in names if name in vars(module))


def measure(fit, shipped, scorer_class, summary):
    """Fit and score by each model; return CPU seconds and digests of the arrays by model and part."""
    names = {field.name for field in fields(shipped)}
    result = {}
    for model in MODELS:
        choices = {"method": "laplace", "purchase_model": model, "purchases": model, "spend_model": "gamma_gamma"}
        settings = replace(shipped, **{name: choices[name] for name in names.intersection(choices)})
        seconds, fitted = clocked(fit, summary, settings, seed=1)
        if set(fitted.methods.values()) != {"laplace"}:
            sys.exit(f"expected laplace, got {fitted.methods}")
        result[f"{model}, fit"] = [seconds, digests_of(fitted.posterior.draws)]
        seconds, scores = clocked(scorer_class(fitted.posterior.thin(DRAWS)).score, summary)
        columns = {name: scores.table[name].to_numpy() for name in scores.table if name != "customer_id"}
        result[f"{model}, score"] = [seconds, digests_of(columns)]
    return result


def clocked(function, *arguments, **named):
    start = time.process_time()
    value = function(*arguments, **named)
    return time.process_time() - start, value


def digests_of(arrays):
    return {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}


def start_server(tree, path):
    environment = os.environ | {"PYTHONPATH": str(tree / "src")}
    command = [sys.executable, __file__, "--serve", str(path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


def request(server):
    """Return the result of one measurement by the server of a tree."""
    server.stdin.write("\n")
    server.stdin.flush()
    line = server.stdout.readline()
    return json.loads(line) if line else sys.exit("a measurement failed")


def main(folder, customers, runs, commits):
    trees = {commit: folder / commit for commit in commits}
    for commit, tree in trees.items():
        if not tree.exists():
            tree.mkdir(parents=True)
            extract(commit, tree)
    trees["this tree"] = ROOT
    path = folder / "summary.parquet"
    make_summary(customers).table.to_parquet(path)
    servers = {name: start_server(tree, path) for name, tree in trees.items()}
    rounds = []
    for number in range(runs + 1):
        rounds.append({})
        for name, server in servers.items():
            result = rounds[-1][name] = request(server)
            print(f"{number}, {name}: {[seconds for seconds, _ in result.values()]}", file=sys.stderr, flush=True)
    for server in servers.values():
        server.communicate()
    print(f"{customers:,} customers, {DRAWS:,} draws, CPU seconds: medians of {runs}\n")
    print_results(list(trees), rounds[1:])


def print_results(names, rounds):
    """Print medians, with their ratios to the first tree's, and the arrays that differ from those of the first tree."""
    first, *others = names
    print(f"| | {' | '.join(names)} | {' | '.join(f'{name} / {first}' for name in others)} |")
    print("|---" * (len(names) + len(others) + 1) + "|")
    for part in rounds[0][first]:
        medians = {name: statistics.median(one[name][part][0] for one in rounds) for name in names}
        cells = [f"{median:.3f}" for median in medians.values()]
        print(f"| {part} | {' | '.join(cells + [f'{medians[name] / medians[first]:.2f}' for name in others])} |")
    for name in others:
        for part, (_, before) in rounds[0][first].items():
            after = rounds[0][name][part][1]
            different = [array for array in before if before[array] != after.get(array)]
            print(f"\n{part}, {name}: {', '.join(different) or 'nothing'} differs from {first}.", end="")
    print()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compare the CPU time of fit and scorer with that of older commits.")
    parser.add_argument("folder", nargs="?", type=Path, help="of the trees of the commits")
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=9, help="measured processes per tree")
    parser.add_argument("--commits", nargs="+", default=COMMITS, help="older commits; ratios are to the first")
    parser.add_argument("--serve", metavar="PATH", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
    elif arguments.folder:
        main(arguments.folder, arguments.customers, arguments.runs, arguments.commits)
    else:
        parser.error("name a folder for the trees")
