"""The words of CONTRIBUTING.md: those that are retired, and those that docstrings start with."""

import re

RETIRED = (
    "foretell", "foretells", "foretold", "vouch", "vouches", "told", "teach", "taught", "lesson", "lessons", "learnt",
    "whoever", "unstable_means", "set_champion", "made-up",
)  # fmt: skip
# A variable or argument is not called by one of these alone; as a part of a name they are free.
VAGUE_NAMES = {"found", "told", "drawn", "asked", "known", "ours", "theirs"}
# The docstring of a function starts with one of these.
PLAIN_VERBS = {
    "Account", "Add", "Aggregate", "Allocate", "Append", "Apply", "Approximate", "Arrange", "Assemble", "Assert",
    "Average", "Backtest", "Bound", "Build", "Calculate", "Call", "Cancel", "Check", "Choose", "Classify", "Clear",
    "Close", "Collect", "Combine", "Compare", "Compile", "Compose", "Compress", "Compute", "Connect", "Convert",
    "Copy", "Correlate", "Count", "Create", "Cut", "Decide", "Decode", "Define", "Delete", "Derive", "Describe",
    "Detect", "Discount", "Display", "Divide", "Download", "Draw", "Drop", "Encode", "Ensure", "Enter", "Escape",
    "Estimate", "Evaluate", "Exclude", "Execute", "Exit", "Explain", "Export", "Extend", "Extract", "Drift", "Fetch",
    "Fill", "Filter", "Find", "Fit", "Flag", "Flatten", "Forecast", "Format", "Gather", "Generate", "Group", "Handle",
    "Hash", "Identify", "Ignore", "Import", "Initialise", "Integrate", "Interpolate", "Invert", "Iterate", "Join",
    "Keep", "Label", "Limit", "List", "Load", "Locate", "Lock", "Log", "Map", "Mark", "Mask", "Match", "Maximise",
    "Measure", "Merge", "Minimise", "Move", "Multiply", "Mute", "Name", "Net", "Normalise", "Number", "Open", "Order",
    "Parse", "Pick", "Plot", "Predict", "Prepare", "Print", "Promote", "Propose", "Prune", "Quote", "Raise", "Rank",
    "Read", "Rebuild", "Record", "Refit", "Refuse", "Register", "Reject", "Release", "Remove", "Rename", "Render",
    "Repeat", "Replace", "Report", "Resample", "Reset", "Resolve", "Restore", "Retry", "Return", "Reverse", "Review",
    "Rewrite", "Round", "Run", "Sample", "Save", "Scale", "Score", "Search", "Select", "Send", "Set", "Show",
    "Simulate", "Smooth", "Solve", "Sort", "Split", "Start", "Stop", "Store", "Strip", "Subtract", "Sum", "Summarise",
    "Tabulate", "Tag", "Test", "Total", "Train", "Transform", "Translate", "Trim", "Update", "Upload", "Use",
    "Validate", "Verify", "Wait", "Warn", "Weigh", "Weight", "Wrap", "Write", "Yield",
}  # fmt: skip
_PATTERN = re.compile(rf"\b(?:{'|'.join(RETIRED)})\b", re.IGNORECASE)


def retired_words(text: str) -> list[str]:
    """Return each use of a retired word as 'line: word'."""
    lines = enumerate(text.splitlines(), start=1)
    return [f"{number}: {word}" for number, line in lines for word in _PATTERN.findall(line)]
