"""Time the first answer beside clvkit: from a table of purchases to a score per customer, in CPU seconds.

    uv run --with clvkit python experiments/first_answer.py

Each run is a process of its own; the two take turns. Compiled code is on disk: one run of ours before is not counted.
The answer is measured twice within a process, because the first one loads modules that the imports leave for later.
Results: experiments/first_answer.md.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

SAMPLE = Path(__file__).parents[1] / "data" / "cdnow_sample.csv"
RUNS = 9
OURS = """
import tenure
from tenure import CLV
"""
OUR_ANSWER = """
clv = CLV(method="laplace", draws=250, joint_draws=1000).fit(log)
scores = clv.score(horizon_days=365).frame
"""
THEIRS = """
from clvkit import CLV, CustomerBase
"""
THEIR_ANSWER = """
base = CustomerBase.from_transactions(log, time_unit="W", collapse="D")
scores = CLV().fit(base).predict(horizon=52, discount_rate=0.001).to_pandas()
"""
MEASURED = """
import time
start = time.process_time()
import pandas as pd
{imports}
log = pd.read_csv({path!r}, parse_dates=["date"])
spent = [time.process_time() - start]
for _ in range(2):
    start = time.process_time()
    {answer}
    spent.append(time.process_time() - start)
assert len(scores) == 2357
print(*spent)
"""
COLUMNS = ("imports, and reading the file", "first answer", "the same again", "all but the last")


def measure(imports: str, answer: str) -> list[float]:
    """Return the CPU seconds of `COLUMNS`, in a process of its own."""
    lines = "\n    ".join(answer.strip().splitlines())
    code = MEASURED.format(imports=imports, answer=lines, path=str(SAMPLE))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported, first, again = map(float, done.stdout.split())
    return [imported, first, again, imported + first]


def main() -> None:
    """Print medians over the runs, and the medians of the ratios of the pairs."""
    measure(OURS, OUR_ANSWER)
    started, pairs = time.monotonic(), []
    for at in range(RUNS):
        pairs.append((measure(OURS, OUR_ANSWER), measure(THEIRS, THEIR_ANSWER)))
        print(f"run {at + 1} of {RUNS}, {time.monotonic() - started:.0f} s", file=sys.stderr)
    print(f"| | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}")
    for who, name in enumerate(("Tenure", "clvkit")):
        medians = [statistics.median(pair[who][part] for pair in pairs) for part in range(len(COLUMNS))]
        print(f"| {name} | {' | '.join(f'{value:.2f}' for value in medians)} |")
    ratios = [statistics.median(pair[0][part] / pair[1][part] for pair in pairs) for part in range(len(COLUMNS))]
    print(f"| ratio | {' | '.join(f'{value:.2f}' for value in ratios)} |")


if __name__ == "__main__":
    main()
