"""Measure what the imports of the commands cost: user CPU seconds, and which heavy libraries are loaded.

    uv run python experiments/imports.py             # 9 runs of each, about two minutes; a Markdown table
    uv run python experiments/imports.py 1           # one run of each
    uv run python experiments/imports.py 7 light     # 7 runs of those that take less than a second

Results: experiments/imports.md. To see which module costs what: `python -X importtime -c "import tenure.jobs.scoring"`.
"""

import os
import statistics
import subprocess
import sys
import tempfile

HEAVY = (
    "hydra",
    "pandas",
    "matplotlib",
    "arviz",
    "arviz_stats",
    "scipy.stats",
    "sklearn",
    "pymc",
    "pytensor",
    "mlflow",
    "numba",
)
CASES = {
    "`import hydra`": "import hydra",
    "`import tenure.settings`": "import tenure.settings",
    "`tenure-score --help`": "import sys; sys.argv[1:] = ['--help']; from tenure.commands import score; score()",
    "`tenure settings train`": (
        "import sys; sys.argv[1:] = ['settings', 'train']; from tenure import commands; commands.main()"
    ),
    "imports of `tenure-score`": "import tenure.jobs.app, tenure.jobs.scoring",
    "imports of `tenure-train`": "import tenure.jobs.app, tenure.jobs.training",
}


def user_seconds(code: str) -> float:
    """Return the user CPU seconds of a Python process that runs the code."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen([sys.executable, "-c", code], cwd=folder, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise RuntimeError(f"{code!r} ended with status {status}")
    return usage.ru_utime


def heavy_libraries(code: str) -> list[str]:
    """Return the heavy libraries that are loaded when the code has run."""
    at_exit = (
        f"import atexit, sys; atexit.register(lambda: print('loaded', *[n for n in {HEAVY} if n in sys.modules]))\n"
    )
    answer = subprocess.run([sys.executable, "-c", at_exit + code], capture_output=True, text=True, check=True)
    return answer.stdout.splitlines()[-1].split()[1:]


def main(runs: int, cases: dict[str, str]) -> None:
    """Print the table; the cases take turns, so that all have the same load."""
    print(f"| what | user CPU s, median of {runs} | lowest | heavy libraries loaded |\n|---|---|---|---|")
    turns = [{name: user_seconds(code) for name, code in cases.items()} for _ in range(runs)]
    for name, code in cases.items():
        seconds = [turn[name] for turn in turns]
        heavy = ", ".join(heavy_libraries(code)) or "none"
        print(f"| {name} | {statistics.median(seconds):.2f} | {min(seconds):.2f} | {heavy} |", flush=True)


if __name__ == "__main__":
    light = {name: code for name, code in CASES.items() if "imports of" not in name}
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 9, light if "light" in sys.argv else CASES)
