"""The straight lines: what each command does, from settings to exit code."""
