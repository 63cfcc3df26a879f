# The recipes are the steps of CI (.ci/run). `just --list` shows them.

# Lint, format, types, import rules
check:
    uv run ruff check
    uv run ruff format --check
    uv run mypy
    uv run lint-imports

# The tests that CI runs; arguments go to pytest
test *arguments:
    uv run pytest {{arguments}}

# The tests that take minutes
slow *arguments:
    uv run pytest -m slow {{arguments}}

# Seconds of each test file, the longest first
durations *arguments:
    uv run pytest --durations=0 {{arguments}} | awk '/s (call|setup|teardown) / { split($3, at, "::"); sum[at[1]] += $1 } END { for (file in sum) printf "%8.1f %s\n", sum[file], file }' | sort -rn

# The documentation, docs/build/index.html; a warning is an error
docs:
    uv run sphinx-build -W --keep-going -q docs docs/build

# All that CI runs
ci: check test

# Differences between the golden scores and the scores of this code
golden:
    uv run python experiments/golden_scores.py
