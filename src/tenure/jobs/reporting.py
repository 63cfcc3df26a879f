"""`tenure-report`: write the report of a training run, from its id or its model."""

from pathlib import Path

from tenure import registry, report
from tenure.output import atomic_file, require_writable
from tenure.settings import ReportJobSettings

from . import console
from .sweeps import Result


def run(settings: ReportJobSettings) -> Result:
    """Write the report; return the result."""
    require_writable(settings.output)
    registry.connect(settings.registry, must_exist=True)
    if settings.model.startswith("models:/"):
        registry.verify(settings.model)
    with console.stage("write the report"):
        evidence = registry.evidence(settings.model)
        page = report.render(evidence)
    with atomic_file(settings.output) as path:
        path.write_text(page, encoding="utf-8")
    where = Path(settings.output).expanduser()
    verdict = evidence.review().verdict
    console.print_line(f"Run {evidence.run_id}, verdict {verdict}: its report is {where}.")
    return Result(
        verdict=verdict.value,
        run_id=evidence.run_id,
        as_of=evidence.tags.get("end"),
        paths={"output": str(where.resolve())},
    )
