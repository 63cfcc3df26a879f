"""`tenure-report`: write the report of a training run, from its id or its model."""

from pathlib import Path

from tenure import registry, report
from tenure.output import atomic_file, require_writable
from tenure.settings import ReportJobSettings

from . import console


def run(settings: ReportJobSettings) -> int:
    """Write the report; return the exit code."""
    require_writable(settings.output)
    registry.connect(settings.registry)
    if settings.model.startswith("models:/"):
        registry.verify(settings.model)
    evidence = registry.evidence(settings.model)
    page = report.render(evidence)
    with atomic_file(settings.output) as path:
        path.write_text(page, encoding="utf-8")
    where = Path(settings.output).expanduser()
    console.print_line(f"Run {evidence.run_id}, verdict {evidence.review().verdict}: its report is {where}.")
    return 0
