"""The runs that this process has opened in the store, in order, so that a command that fails can name its own."""

RUNS: list[str] = []
