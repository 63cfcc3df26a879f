"""Kill scorings at random moments and let them continue; measure memory and throughput of many customers.

`kills`: a scoring of 1,400 customers in 12 parts is killed (SIGKILL) at 100 random moments: at a random time, or before
or after a random call of fsync, rename or unlink, to a folder and to a file alternately. Then it is started again, and
every byte is compared with those of an undisturbed scoring of another run. Each scoring is a process of its own, forked
from one that has imported everything.

`sizes`: scorings of 1 and 10 million customers from file to file, each in a process of its own: peak memory, CPU time
and seconds. `score_rate.py` compares its rate with that of the scorer alone.

    uv run python experiments/score_parts.py kills [--points 100]
    uv run python experiments/score_parts.py sizes [--customers 1000000 10000000] [--draws 100] [--horizon 365]
"""

import argparse
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import redirect_stdout
from pathlib import Path

import mlflow
import pandas as pd
from fit_benchmark import make_summary, peak
from score_benchmark import synthetic_posterior

from tenure import batch, registry
from tenure.jobs import part_scores, scoring
from tenure.jobs.compose import compose_settings
from tenure.scorer import Scorer

PARTS, ROWS = 12, 1_400
CALLS = ("fsync", "replace", "unlink")


def log_training(folder, draws):
    """Log a training run with a posterior in a store of its own; return its URI."""
    registry.use(f"sqlite:///{folder}/mlflow.db")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("tenure", artifact_location=f"{folder}/artifacts"))
    with mlflow.start_run() as run:
        mlflow.set_tags({"job": "train", "verdict": "PASS"})
        synthetic_posterior().thin(draws).save(f"{folder}/calibration.npz")
        mlflow.log_artifact(f"{folder}/calibration.npz", "posterior")
    return f"runs:/{run.info.run_id}"


def settings_of(folder, model, customers, output, *more):
    return compose_settings(
        "score",
        [
            f"model={model}",
            f"summary.path={customers}",
            f"output={output}",
            f"registry.tracking_uri=sqlite:///{folder}/mlflow.db",
            *more,
        ],
    )


def fork(settings, log_path, call=None):
    """Score in a forked process, which dies in a call of `die_in_call` if one is given; return the process id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        count_scored(log_path)
        if call is not None:
            die_in_call(*call)
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
            code = scoring.run(settings, "").exit_code
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def count_scored(path):
    """Write a line for each part that was scored to its end."""
    score = part_scores._PartScorer.score

    def counted(self, part, advance):
        result = score(self, part, advance)
        with open(path, "a") as file:
            file.write("scored\n")
        return result

    part_scores._PartScorer.score = counted


def die_in_call(name, number, before):
    call, calls = getattr(os, name), [0]

    def deadly(*arguments, **named):
        calls[0] += 1
        if before and calls[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*arguments, **named)
        if calls[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(os, name, deadly)


def bytes_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def kills(points, seed):
    """Return what happened at each point, and how many runs are left open."""
    rng, results = random.Random(seed), []  # noqa: S311 (no secrets)
    logging.getLogger("tenure").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, customers = log_training(folder, 1000), folder / "customers.parquet"
        make_summary(2_000).table.head(ROWS).to_parquet(customers)
        Scorer(synthetic_posterior(), threads=1).score(pd.read_parquet(customers).head(5))
        more = [f"score.part_rows={ROWS // PARTS}"]
        seconds, references = {}, {}
        for output in ("folder/", "scores.parquet"):
            started = time.monotonic()
            run = settings_of(folder, model, customers, f"{folder}/reference/{output}", *more)
            if os.waitpid(fork(run, folder / "log"), 0)[1]:
                sys.exit("the undisturbed scoring failed")
            seconds[output] = time.monotonic() - started
        for output in ("folder", "scores.parquet"):
            path = folder / "reference" / output
            references[output] = bytes_of(path) if path.is_dir() else path.read_bytes()
        parts = (folder / "log").read_text().count("scored") // 2
        for point in range(points):
            output = ("folder/", "scores.parquet")[point % 2]
            results.append(one_kill(folder, model, customers, output, point, seconds, references, more, rng, parts))
            print(results[-1], flush=True)
        registry.use(f"sqlite:///{folder}/mlflow.db")
        open_runs = mlflow.search_runs(search_all_experiments=True, filter_string="attributes.status = 'RUNNING'")
    return pd.DataFrame(results), len(open_runs)


def print_kills(table, left):
    """Print how often each kind of kill happened, and a line of all; end with an error if any point fails."""
    kinds = table["how"].str.extract(r"^(at|(?:before|after) \w+)", expand=False).where(table["killed"], "not killed")
    print(table.groupby(["output", kinds]).agg({"finished": "sum", "same bytes": "sum", "scored twice": "max"}))
    stray, most = int((table["stray"] > 0).sum()), table["scored twice"].max()
    print(
        f"{len(table)} points: {table['killed'].sum()} killed, at most {most} part scored twice,"
        f" {table['finished'].sum()} finished, {table['same bytes'].sum()} with the same bytes,"
        f" {stray} with stray files, {left} runs left open"
    )
    if left or stray or most > 1 or not (table["finished"] & table["same bytes"]).all():
        sys.exit(1)


def one_kill(folder, model, customers, output, point, seconds, references, more, rng, parts):
    at, log_path = folder / f"point-{point}", folder / f"log-{point}"
    settings = settings_of(folder, model, customers, f"{at}/{output}", *more)
    if rng.random() < 0.6:
        call = (rng.choice(CALLS), rng.randint(1, 60), rng.random() < 0.5)
        how, child = f"{'before' if call[2] else 'after'} {call[0]} {call[1]}", fork(settings, log_path, call)
    else:
        delay = rng.random() * seconds[output]
        how, child = f"at {delay:.2f} s", fork(settings, log_path)
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    done = {path: path.stat().st_ino for path in at.rglob("part-*.json")}
    first = log_path.read_text().count("scored") if log_path.exists() else 0
    target, was_over = at / output, (at / output).is_file()
    again = os.waitpid(fork(settings, log_path), 0)[1]
    content = bytes_of(target) if target.is_dir() else target.read_bytes()
    scored = log_path.read_text().count("scored")
    return {
        "output": output,
        "how": how,
        "killed": os.WIFSIGNALED(status),
        "done before": len(done),
        "scored before": first,
        "was over": was_over,  # the file was in place: its parts may be removed, and the next scoring is a new one
        "scored twice": 0 if was_over else scored - parts,
        "finished": again == 0,
        "same bytes": content == references[output.rstrip("/")],
        "stray": sum(path.name.startswith(".") for path in at.rglob("*")),
    }


def many(folder, wanted):
    """Write copies of a base of up to a million customers with new ids; return the path."""
    path, size = folder / f"{wanted}.parquet", min(wanted, 1_000_000)
    base, output = make_summary(size).table, batch.ScoreFile(path)
    for copy in range(-(-wanted // size)):
        output.write(base.assign(customer_id=base["customer_id"] + f"-{copy}").head(wanted - copy * size))
    output.close({})
    return path


def measure(folder, model, customers, output, *more):
    """Score in this process; print the peak, CPU seconds and seconds."""
    logging.basicConfig(level=logging.INFO)
    settings = settings_of(folder, model, customers, output, *more)
    loaded = registry.connect(settings.registry) and registry.load(model)
    loaded.scorer.score(make_summary(50).table)  # compiled before the clock starts
    start, cpu = time.perf_counter(), time.process_time()
    with redirect_stdout(sys.stderr):
        result = scoring.run(settings, "")
    cost = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu}
    print(json.dumps({**cost, "peak": peak(), "customers": result.customers}))


def sizes(counts, draws, outputs, horizon):
    print("| customers | output | peak MB | CPU us a customer | seconds |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = log_training(folder, draws)
        # A process of its own compiles: compiling takes memory that scoring does not.
        measured(folder, model, many(folder, 1000), f"{folder}/compiled/")
        for count in counts:
            customers = many(folder, count)
            for output in outputs:
                row = measured(folder, model, customers, f"{folder}/{count}/{output}", f"score.horizon_days={horizon}")
                print(
                    f"| {count:,} | {output} | {row['peak']:,.0f} | {1e6 * row['cpu'] / count:.1f} |"
                    f" {row['seconds']:,.0f} |",
                    flush=True,
                )


def measured(folder, model, customers, output, *more):
    """Score in a process of its own; return its peak, CPU seconds and seconds."""
    line = [sys.executable, __file__, "--measure", str(folder), model, str(customers), output, *more]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Kill scorings, and measure large ones.")
    parser.add_argument("what", nargs="?", choices=["kills", "sizes"])
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--customers", nargs="+", type=int, default=[1_000_000, 10_000_000])
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--outputs", nargs="+", default=["folder/", "scores.parquet"])
    parser.add_argument("--horizon", type=int, default=365, help="days ahead")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(Path(arguments.measure[0]), *arguments.measure[1:])
    elif arguments.what == "kills":
        table, left = kills(arguments.points, arguments.seed)
        print_kills(table, left)
    else:
        sizes(arguments.customers, arguments.draws, arguments.outputs, arguments.horizon)
