"""Score the customers of a log of a hundred million purchases: seconds, CPU seconds and peak memory of each stage.

Simulates a log of heavy buyers over two years, fits a model to the log of a hundredth as many customers, and runs
`tenure-score` from the log to a folder of parts, in a process of its own. Then the floors, in the same place: a bare
DuckDB query from the log to summaries, which checks nothing and is given 4 GB, and the parts read and written once
more. The floor of scoring is the scorer's own time in the job. 20 GB of disk:

    uv run python experiments/end_to_end.py [--customers 9500000] [--draws 1000] [--memory 2GB] [--folder FOLDER]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path

import mlflow
import pyarrow.parquet as pq
from fit_benchmark import peak
from log_benchmark import run_floor

from tenure import registry
from tenure.jobs import customers, part_scores, scoring
from tenure.jobs.compose import compose_settings
from tenure.jobs.local_engine import LocalEngine
from tenure.pipeline import fit_whole
from tenure.rfm import compress
from tenure.simulate import write_log
from tenure.transactions import read

END, FLOOR_MEMORY = "1998-12-31", "4GB"
LOG = [
    "simulate.start='1997-01-01'",
    f"simulate.end='{END}'",
    "simulate.acquisition.until=null",
    "simulate.truth.parameters={r: 0.9, alpha: 24.0, a: 0.5, b: 12.0, p: 6.0, q: 3.8, v: 16.0}",
]
STAGES = {  # the outermost stages of the job, and "of it", which are parts of the stage before
    "load the model": (registry, "load"),
    "of it read and account for the log": (customers, "read"),
    "read the log, store the summaries": (LocalEngine, "read"),
    "check and divide": (LocalEngine, "divide"),
    "of it the scorer": (part_scores._PartScorer, "score"),
    "score and write": (LocalEngine, "score"),
}


def simulated(folder, count):
    """Simulate a log in a process of its own, unless it is there; return its folder."""
    log = folder / f"log-{count}"
    if not log.exists():
        subprocess.run([sys.executable, __file__, "--simulate", str(log), str(count)], check=True)
    return log


def fitted(folder, log, draws):
    """Log a training run with a model of a log; return its URI."""
    registry.use(f"sqlite:///{folder}/mlflow.db")
    settings = compose_settings("train", [f"transactions.path={log}", "fit.method=laplace"])
    base = compress(read(settings.transactions), END, with_orders=settings.fit.needs_orders)
    posterior = fit_whole(base, settings)[0].posterior.thin(draws)
    name = f"end to end {time.time():.0f}"
    mlflow.set_experiment(experiment_id=mlflow.create_experiment(name, artifact_location=f"{folder}/artifacts"))
    with mlflow.start_run() as run:
        mlflow.set_tags({"job": "train", "verdict": "PASS"})
        posterior.save(f"{folder}/calibration.npz")
        mlflow.log_artifact(f"{folder}/calibration.npz", "posterior")
    return f"runs:/{run.info.run_id}"


def clocked(function, stage, rows):
    """Return a function that adds its seconds to a stage, and the peak at its end."""

    def run(*arguments, **named):
        start, cpu = time.perf_counter(), time.process_time()
        try:
            return function(*arguments, **named)
        finally:
            row = rows.setdefault(stage, {"seconds": 0.0, "cpu": 0.0})
            row["seconds"] += time.perf_counter() - start
            row["cpu"] += time.process_time() - cpu
            row["peak"] = peak()
            if stage != "of it the scorer":  # a part at a time
                print(f"{stage}: {json.dumps(row)}", file=sys.stderr, flush=True)

    return run


def job(folder, model, log, memory):
    """Score in this process; print what each stage cost."""
    rows = {}
    for stage, (owner, name) in STAGES.items():
        setattr(owner, name, clocked(getattr(owner, name), stage, rows))
    settings = compose_settings(
        "score",
        [
            f"model={model}",
            f"transactions.path={log}",
            f"transactions.engine.memory_limit={memory}",
            f"output={folder}/scores/",
            f"registry.tracking_uri=sqlite:///{folder}/mlflow.db",
            "restart=true",
        ],
    )
    with redirect_stdout(sys.stderr):
        clocked(scoring.run, "all", rows)(settings, "")
    print(json.dumps(rows))


def floors(folder, log, memory):
    """Run the floors in this process; print what each cost."""
    rows = {}
    clocked(run_floor, "read the log, store the summaries", rows)(log, folder / "floor.parquet", memory, {})
    clocked(rewrite, "score and write", rows)(folder / "scores", folder / "again.parquet")
    print(json.dumps(rows))


def rewrite(parts, path):
    """Read parts, and write them again."""
    for part in sorted(parts.rglob("*.parquet")):
        pq.write_table(pq.read_table(part), path)


def measured(*arguments):
    line = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(count, draws, memory, folder):
    model = fitted(folder, simulated(folder, max(count // 100, 1000)), draws)
    log = simulated(folder, count)
    size = sum(pq.read_metadata(path).num_rows for path in log.glob("*.parquet"))
    measured("--measure", "job", folder, model, simulated(folder, max(count // 100, 1000)), memory)  # compiles
    rows = measured("--measure", "job", folder, model, log, memory)
    print(json.dumps(rows), file=sys.stderr, flush=True)
    least = measured("--measure", "floors", folder, model, log, FLOOR_MEMORY)
    print(f"{size:,} rows of {count:,} customers, {draws:,} draws, DuckDB {memory}\n")
    print("| stage | seconds | CPU s | peak MB | floor: seconds | CPU s |\n|---|---|---|---|---|---|")
    for stage, row in rows.items():
        low = least.get(stage)
        beside = " | |" if low is None else f" {low['seconds']:,.0f} | {low['cpu']:,.0f} |"
        print(f"| {stage} | {row['seconds']:,.0f} | {row['cpu']:,.0f} | {row['peak']:,.0f} |{beside}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Score the customers of a large log, and time each stage.")
    parser.add_argument("--customers", type=int, default=9_500_000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--memory", default="2GB", help="memory limit of DuckDB")
    parser.add_argument("--folder", type=Path, help="of the log and the scores; default: a temporary one")
    parser.add_argument("--simulate", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.simulate:
        own = compose_settings("simulate", [*LOG, f"simulate.customers={given.simulate[1]}"])
        write_log(own.simulate, given.simulate[0], seed=0, progress=False)
    elif given.measure:
        what, place, model, log, memory = given.measure
        job(Path(place), model, log, memory) if what == "job" else floors(Path(place), Path(log), memory)
    elif given.folder:
        given.folder.mkdir(parents=True, exist_ok=True)
        main(given.customers, given.draws, given.memory, given.folder.resolve())
    else:
        with tempfile.TemporaryDirectory() as name:
            main(given.customers, given.draws, given.memory, Path(name))
