"""Scoring tables of any size: part by part is as in one piece, and a bad table is refused before any work."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tenure import batch, registry, summary_file
from tenure.batch import BatchError, ScoreFile
from tenure.jobs.compose import compose_settings
from tenure.jobs.scoring import require_supported
from tenure.output import atomic_file, describe
from tenure.posterior import Posterior
from tenure.scorer import ScoreError, Scorer
from tenure.settings import ScoreJobSettings
from tenure.summary import SummaryError
from tenure.summary_file import SummaryFile, SummaryFileError


@dataclass(frozen=True)
class SummaryFrame:
    frame: pd.DataFrame
    rows: int = 1_000

    def parts(self) -> Iterator[pd.DataFrame]:
        for at in range(0, max(len(self.frame), 1), self.rows):
            yield self.frame.iloc[at : at + self.rows].reset_index(drop=True)

    def count(self) -> int:
        return len(self.frame)


def written(table: pd.DataFrame, path: Path) -> str:
    table.to_csv(path, index=False) if path.suffix == ".csv" else table.to_parquet(path, index=False)
    return str(path)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_file_is_read_in_parts_and_more_than_once(tmp_path: Path, summaries: pd.DataFrame, suffix: str) -> None:
    file = SummaryFile(written(summaries, tmp_path / f"customers.{suffix}"), rows=150)
    for _ in range(2):
        parts = list(file.parts())
        assert [len(part) for part in parts] == [150, 150, 150, 150, 100]
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), summaries, check_dtype=False)


def test_integers_with_nulls_are_not_read_as_floats(tmp_path: Path) -> None:
    """2^53 + 1 would become another customer."""
    table = pa.table({"customer_id": pa.array([2**53 + 1, None], pa.int64()), "frequency": [0, 0]})
    pq.write_table(table, tmp_path / "customers.parquet")
    (part,) = SummaryFile(str(tmp_path / "customers.parquet")).parts()
    assert part["customer_id"].tolist()[0] == 2**53 + 1


def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SummaryFileError, match=r"must end in \.csv or \.parquet, got 'customers\.xlsx'"):
        SummaryFile("customers.xlsx")
    with pytest.raises(SummaryFileError, match=r"none\.parquet.: there is no such file"):
        list(SummaryFile(str(tmp_path / "none.parquet")).parts())
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(SummaryFileError, match=r"bad\.parquet' cannot be read"):
        list(SummaryFile(str(tmp_path / "bad.parquet")).parts())


def test_sums_of_parts_are_those_of_the_whole(posterior: Posterior, summaries: pd.DataFrame) -> None:
    base = summaries.assign(country=np.where(summaries["T"] < 300, "DE", "FR"))
    known = Posterior(posterior.draws, "bg_nbd", "gamma_gamma", {"observed_days": 100})
    scorer, asked = Scorer(known), {"by": ["country"], "by_month": True}
    whole, scores, tables = scorer.score(base, **asked), None, []
    for part in SummaryFrame(base, rows=90).parts():
        found = scorer.score(part, **asked)
        tables.append(found.table)
        scores = batch.merge(scores, found)
    pd.testing.assert_frame_equal(pd.concat(tables, ignore_index=True), whole.table, check_exact=True)
    assert scores is not None
    assert scores.months is not None
    assert whole.months is not None
    assert scores.totals.customers == 700
    assert list(scores.groups) == list(whole.groups) == [("DE",), ("FR",)]
    pairs = [(scores.totals, whole.totals), *zip(scores.months.totals, whole.months.totals, strict=True)]
    pairs += [(scores.groups[key], whole.groups[key]) for key in whole.groups]
    for totals, right in pairs:
        np.testing.assert_array_equal(totals.sums, right.sums)
    assert scores.extrapolated_share == whole.extrapolated_share
    pd.testing.assert_frame_equal(scores.group_table(), whole.group_table())


def test_a_good_table_is_counted(summaries: pd.DataFrame) -> None:
    assert summary_file.check_summaries(SummaryFrame(summaries, rows=100)) == 700
    assert summary_file.check_summaries(SummaryFrame(summaries.iloc[:0])) == 0


def changed(table: pd.DataFrame, column: str, values: dict[int, Any]) -> pd.DataFrame:
    table = table.astype({column: object})
    for row, value in values.items():
        table.loc[row, column] = value
    return table


def test_every_fault_of_every_part_is_told_at_once(summaries: pd.DataFrame) -> None:
    """As for a table in one piece: rows are numbered, and counted, in the whole."""
    bad = changed(summaries, "T", {5: -1, 250: -1, 650: -1})
    bad = changed(bad, "customer_id", {301: None, 302: " "})
    with pytest.raises(SummaryError) as caught:
        summary_file.check_summaries(SummaryFrame(bad, rows=100))
    said = str(caught.value)
    assert "3 of 700 customers have a T below 0" in said
    assert "2 of 700 customer ids are null or blank (first rows: 302, 303)" in said


def test_an_id_in_two_parts_is_found(summaries: pd.DataFrame) -> None:
    twice = changed(summaries, "customer_id", {3: 7, 450: "7", 600: "x", 601: "x"})
    with pytest.raises(SummaryError, match="1 customer ids are on more than one row"):
        summary_file.check_summaries(SummaryFrame(twice, rows=100))
    apart = changed(summaries, "customer_id", {3: 7, 450: "7"})
    with pytest.raises(SummaryError, match=r"1 customer ids are on more than one row \(first: '7'\)"):
        summary_file.check_summaries(SummaryFrame(apart, rows=100))


def test_a_missing_column_is_told_once(summaries: pd.DataFrame) -> None:
    with pytest.raises(SummaryError) as caught:
        summary_file.check_summaries(SummaryFrame(summaries.drop(columns="T"), rows=100))
    assert str(caught.value).count("has no column 'T'") == 1


def test_groups_that_cannot_be_made_are_refused_before_scoring(summaries: pd.DataFrame) -> None:
    """Few in each part, many in the whole."""
    many = pd.concat([summaries.assign(customer_id=summaries["customer_id"] + tail) for tail in "ab"])
    with pytest.raises(ScoreError, match="by customer_id, which make 1,400 groups; the most is 1,000"):
        summary_file.check_summaries(SummaryFrame(many, rows=100), ["customer_id"])
    with pytest.raises(ScoreError, match="which the customers do not have"):
        summary_file.check_summaries(SummaryFrame(summaries), ["region"])


def test_what_an_older_versions_scorer_does_not_know_is_refused_in_words(posterior: Posterior) -> None:
    class Older:
        def score(self, customers: pd.DataFrame, **params: Any) -> None: ...

    asked = compose_settings("score", ["residual=true", "by_month=true", "by=[country]"])
    older: Any = Older()
    with pytest.raises(
        registry.RegistryError, match=r"^models:/clv/1 .* residual=true, by_month=true, by=\[\.\.\.\]: train"
    ):
        require_supported(older, asked, "models:/clv/1")
    require_supported(older, ScoreJobSettings(), "models:/clv/1")
    require_supported(Scorer(posterior), asked, "models:/clv/1")


def test_an_output_is_there_whole_and_describes_itself(tmp_path: Path, summaries: pd.DataFrame) -> None:
    path = tmp_path / "scores.parquet"
    with atomic_file(str(path)) as scratch:
        output = ScoreFile(scratch)
        for part in SummaryFrame(summaries, rows=300).parts():
            output.write(part)
        output.close({"model": "clv", "customers": 700})
        assert not path.exists()
    pd.testing.assert_frame_equal(pd.read_parquet(path), summaries)
    assert describe(str(path)) == {"model": "clv", "customers": 700}
    assert [found.name for found in tmp_path.iterdir()] == ["scores.parquet"]


def test_a_file_without_rows_is_none(tmp_path: Path) -> None:
    with pytest.raises(BatchError, match="There are no customers to score"):
        ScoreFile(tmp_path / "scores.parquet").close({})


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.csv", None, "there is no such file."),
        ("none.parquet", None, "there is no such file."),
        ("empty.csv", b"", "is empty: its first line"),
        ("empty.parquet", b"", "is empty: its first line"),
        ("cut.parquet", b"PAR1 and no more", "cannot be read as a table of customer summaries. It may be damaged"),
    ],
)
def test_an_unreadable_summary_is_refused_in_one_plain_line(
    tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SummaryFileError) as caught:
        list(SummaryFile(str(path)).parts())
    message = str(caught.value)
    assert words in message
    assert message.startswith(f"summary.path {str(path)!r}")
    assert not any(word in message for word in ("Errno", "local file", "Empty CSV", "\n"))
