"""Compile the functions that the tests share, before several workers would each compile them.

Numba compiles a function on its first call, a minute in all, and keeps the result on disk, where every later process
finds it. `tenure warm` compiles the models; one process for each folder of models, side by side.
"""

import os
import subprocess
import sys
from pathlib import Path

MODELS = ("bg_nbd", "pareto_nbd")
DONE = "warm"  # a file beside the compiled functions: all of them are there


def compile_all(cache: Path) -> None:
    """Compile every model, unless an earlier run has; print what fails, which the tests then compile or report."""
    if (cache / DONE).exists():
        return
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW")}
    commands = {name: [sys.executable, "-W", "ignore", "-m", "tenure", "warm", name] for name in MODELS}
    started = {
        name: subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for name, command in commands.items()
    }
    errors = {name: process.communicate()[1] for name, process in started.items()}
    failed = [name for name, process in started.items() if process.returncode]
    for name in failed:
        print(f"warm-up: {name} failed\n{errors[name][-1000:]}", file=sys.stderr)
    if not failed:
        (cache / DONE).touch()
