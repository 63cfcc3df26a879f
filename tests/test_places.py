"""Logs and scores that are not files of this machine: addresses, refusals, credentials; without any server."""

import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.fs as pafs
import pytest

from tenure.addresses import mask
from tenure.errors import InputError
from tenure.jobs.compose import compose_settings
from tenure.jobs.score_target import ScoreTarget
from tenure.output import OutputError, require_new_folder, require_writable
from tenure.places import PlaceError, UnreachablePlaceError, copies, extensions, objects, place_of, postgres
from tenure.places.address import Place
from tenure.places.errors import ExtensionMissingError, error_of
from tenure.settings import SettingsError, TransactionsSettings
from tenure.summary_file import SummaryFile, SummaryFileError
from tenure.transactions import TransactionsError, input_files, read

SECRET = "S3CRET"


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("postgres:sales", ("public", "sales")),
        ("postgresql:Shop.Sales", ("shop", "sales")),
        ('postgres:"My Shop"."a ""b"""', ("My Shop", 'a "b"')),
        ("s3://lake/a/b.parquet", ("lake", "a/b.parquet")),
        ("iceberg:s3://lake/sales", ("s3://lake/sales",)),
        ("delta:/lake/sales", ("/lake/sales",)),
        ("sales.csv", None),
        ("./postgres:sales", None),
        ("gs://lake/a.csv", None),
        ("postgresql://host/shop", None),
        ("s3a://lake/a.csv", None),
    ],
)
def test_an_address_names_a_place(path: str, names: tuple[str, ...] | None) -> None:
    place = place_of(path)
    assert (place and place.names) == names


@pytest.mark.parametrize(
    "path",
    [
        f"postgres:ann:{SECRET}@host/sales",
        f"postgres:host=h password={SECRET}",
        f"postgresql://ann:{SECRET}@host/shop",
        f"postgres://{SECRET}@host/shop",
        f"jdbc:postgresql://host/shop?password={SECRET}",
        f"postgresql+psycopg://ann:{SECRET}@host/shop",
        f"postgres:{SECRET} and more",
        f"postgres:a.b.{SECRET}",
        f"s3://KEY:{SECRET}@lake/a.parquet",
        f"s3a://KEY:{SECRET}@lake/a.parquet",
        f"s3://lake/a.parquet?s3_secret_access_key={SECRET}",
        f"iceberg:s3://KEY:{SECRET}@lake/sales",
        f"delta:s3://lake/sales?secret={SECRET}",
    ],
)
def test_credentials_in_a_setting_are_refused_and_not_shown(path: str) -> None:
    with pytest.raises(InputError, match=r"transactions\.path .*environment") as caught:
        TransactionsSettings(path=path)
    assert SECRET not in str(caught.value)
    with pytest.raises(InputError, match="output") as caught:
        compose_settings("score", [f"output='{path}/'"])
    assert SECRET not in str(caught.value)


def test_what_a_result_file_shows_of_a_wrong_address_has_no_password() -> None:
    assert mask(f"transactions.path=postgres:ann:{SECRET}@host/sales") == "transactions.path=postgres:***@host/sales"
    assert SECRET not in mask(f"output=s3://KEY:{SECRET}@lake/scores/")
    assert mask("transactions.path=postgres:shop.sales") == "transactions.path=postgres:shop.sales"


def test_a_log_elsewhere_has_no_file_here_and_other_addresses_are_refused() -> None:
    assert input_files(TransactionsSettings(path="postgres:sales")) == []
    with pytest.raises(TransactionsError, match="write postgres:TABLE"):
        read(TransactionsSettings(path="postgresql://host/shop"))
    with pytest.raises(TransactionsError, match="only local files, s3://, postgres:, iceberg: and delta: are read"):
        read(TransactionsSettings(path="gs://lake/sales.csv"))


@pytest.mark.parametrize("address", ["s3://lake/x.csv", "postgres:sales", "iceberg:/lake/sales", "delta:s3://lake/x"])
def test_other_inputs_and_outputs_are_local(address: str) -> None:
    with pytest.raises(SummaryFileError, match=r"is not on this machine|is a database|is a table"):
        SummaryFile(address)
    for require in (require_writable, require_new_folder):
        with pytest.raises(OutputError, match=r"is not on this machine|is a database|is a table"):
            require(address)


@pytest.mark.parametrize(
    ("overrides", "fault"),
    [
        (["output=s3://lake/scores.parquet"], "output must be a folder in S3"),
        (["output=delta:/lake/scores"], "output must be a path that ends in .parquet"),
        (["output=postgres:scores", "engine=spark"], "output must be a path that Spark's executors see"),
        (["output=scores.csv"], "or postgres:TABLE"),
    ],
)
def test_outputs_that_cannot_be_written_are_refused(overrides: list[str], fault: str) -> None:
    with pytest.raises(SettingsError, match=fault):
        compose_settings("score", overrides)


def test_an_output_elsewhere_has_its_parts_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    target = ScoreTarget("postgres:shop.scores")
    assert target.folder.path.parent == tmp_path
    assert target.folder.path.name.startswith(".tenure-postgres-shop-scores-")
    monkeypatch.setenv("PGDATABASE", "another")
    assert ScoreTarget("postgres:shop.scores").folder.path != target.folder.path
    with pytest.raises(OutputError, match="is the input"):
        target.refuse_input(["postgres:shop.scores"])
    target.refuse_input(["postgres:shop.sales", "sales.csv"])
    assert ScoreTarget("scores/").place is None


def test_a_missing_extension_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place("postgres", "postgres:sales", ("public", "sales"))
    monkeypatch.setattr(extensions, "find_spec", lambda name: None)
    with pytest.raises(
        ExtensionMissingError, match=r"duckdb-extension-postgres-scanner .*not installed.*--group sources"
    ):
        postgres.copy_table(place, Path("never.parquet"), "date", {})
    with pytest.raises(TransactionsError, match="duckdb-extension-postgres-scanner") as caught:
        read(TransactionsSettings(path="postgres:sales"))
    assert (caught.value.exit_code, caught.value.reason) == (2, "package_missing")


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (
            'IO Error: Unable to connect to Postgres at "": connection to server failed: Connection refused',
            5,
            "refused",
        ),
        ('IO Error: Unable to connect: FATAL:  password authentication failed for user "ann"', 5, "PGPASSWORD"),
        ('IO Error: Unable to connect: FATAL:  database "shop" does not exist', 2, "no database 'shop'"),
        (
            'IO Error: Unable to connect: definition of service "shop" not found',
            2,
            "has the service 'shop' (PGSERVICE)",
        ),
        ('IO Error: Unable to connect: service file "/s.conf" not found', 2, "no file '/s.conf' of services"),
        ("Invalid Input Error: Table x does not contain any columns.", 2, "no such table"),
        ("IO Error: ERROR:  permission denied for table sales", 2, "GRANT SELECT"),
        ("IO Error: server closed the connection unexpectedly", 5, "was lost"),
        (f"IO Error: something with {SECRET} in it\nLINE 1: more", 2, "something with *** in it"),
    ],
)
def test_errors_of_postgresql_are_one_line_without_the_password(
    text: str, code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", SECRET)
    error = error_of("postgres:sales", text, postgres._READING, "cannot be read: {reason}.")
    assert error.exit_code == code
    assert said in str(error)
    assert "\n" not in str(error)
    assert SECRET not in str(error)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("When getting information: AWS Error NETWORK_CONNECTION during HeadObject: curlCode: 7", 5),
        ("When reading: AWS Error ACCESS_DENIED during HeadObject operation: No response body.", 5),
        ("AWS Error NO_SUCH_BUCKET during ListObjectsV2 operation: The specified bucket does not exist", 2),
    ],
)
def test_errors_of_s3_are_one_line(text: str, code: int) -> None:
    with pytest.raises(PlaceError) as caught, objects.in_words(place_of("s3://lake/x.csv")):
        raise OSError(5, text)
    assert caught.value.exit_code == code
    with pytest.raises(FileNotFoundError), objects.in_words(place_of("s3://lake/x.csv")):
        Path("/nowhere/at/all").read_bytes()  # a fault of this machine's disk stays one


def test_the_digest_of_rows_does_not_depend_on_their_order(tmp_path: Path) -> None:
    with duckdb.connect() as connection:
        rows = "SELECT i AS customer_id, DATE '2024-01-01' + i::INT AS date, i / 3 AS amount FROM range(100) r(i)"
        texts = {
            "a": rows,
            "b": f"{rows} ORDER BY i DESC",
            "c": rows.replace("i / 3", "i / 4"),
            "d": f"{rows} WHERE i < 99",
            "e": f"{rows} UNION ALL SELECT 1, DATE '2024-01-02', 1 / 3",
        }
        digests = {}
        for name, query in texts.items():
            copies.write(connection, f"({query})", tmp_path / name)
            digests[name] = copies.digest_rows(connection, tmp_path / name, "date")
        other = copies.digest_rows(connection, tmp_path / "a", "none")
    assert digests["a"] == digests["b"]
    assert len({*digests.values(), other}) == 5


@dataclass
class Bucket:
    """Objects in memory, which records what is written and removed."""

    objects: dict[str, bytes] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)

    def get_file_info(self, what: Any) -> Any:
        if isinstance(what, str):
            kind = pafs.FileType.File if what in self.objects else pafs.FileType.NotFound
            return pafs.FileInfo(what, kind) if what != "lake" else pafs.FileInfo(what, pafs.FileType.Directory)
        return [
            pafs.FileInfo(path, pafs.FileType.File) for path in self.objects if path.startswith(f"{what.base_dir}/")
        ]

    def open_input_stream(self, path: str) -> io.BytesIO:
        return io.BytesIO(self.objects[path])

    def open_output_stream(self, path: str) -> io.BytesIO:
        bucket = self

        class Stream(io.BytesIO):
            def __exit__(self, *error: object) -> None:
                bucket.objects[path] = self.getvalue()
                bucket.steps.append(f"put {path}")

        return Stream()

    def delete_file(self, path: str) -> None:
        del self.objects[path]
        self.steps.append(f"delete {path}")


def folder_in(bucket: Bucket) -> objects.ObjectFolder:
    folder = objects.ObjectFolder(place_of("s3://lake/out/"), "_tenure", "manifest.json")
    folder.store = bucket
    return folder


def test_the_manifest_of_a_folder_in_s3_is_removed_first_and_written_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "file_system", lambda: None)
    bucket = Bucket()
    parts = [tmp_path / f"part-0000{number}.parquet" for number in range(2)]
    for part in parts:
        part.write_bytes(part.name.encode())
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"job": "one"}))
    folder_in(bucket).require_writable()
    folder_in(bucket).claim("one", restart=False)
    bucket.steps.clear()
    folder_in(bucket).publish(parts, manifest)
    written = [f"lake/out/{part.name}" for part in parts]
    marked = ["put lake/out/_tenure/unfinished", "delete lake/out/_tenure/unfinished"]  # by it a rerun knows the folder
    puts = [f"put {path}" for path in (*written, "lake/out/_tenure/manifest.json")]
    assert bucket.steps == [marked[0], *puts, marked[1]]
    with pytest.raises(PlaceError, match="restart=true"):
        folder_in(bucket).claim("two", restart=False)
    again = folder_in(bucket)
    again.claim("one", restart=False)
    bucket.steps.clear()
    again.publish(parts, manifest)
    assert not [step for step in bucket.steps if step.startswith("delete")]  # the same bytes
    other = folder_in(bucket)
    other.claim("two", restart=True)
    bucket.steps.clear()
    other.publish(parts[:1], manifest)
    assert bucket.steps[:3] == [marked[0], "delete lake/out/_tenure/manifest.json", f"delete {written[1]}"]
    assert bucket.steps[-2:] == ["put lake/out/_tenure/manifest.json", marked[1]]
    bucket.objects = {"lake/out/sales.csv": b""}
    with pytest.raises(PlaceError, match=r"has other objects, such as 'sales\.csv'"):
        folder_in(bucket).require_writable()


@pytest.mark.parametrize("steps", range(1, 6))
def test_a_folder_in_s3_whose_scoring_was_killed_at_any_step_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    monkeypatch.setattr(objects, "file_system", lambda: None)
    whole, killed = Bucket(), Bucket()
    parts = [tmp_path / f"part-0000{number}.parquet" for number in range(2)]
    for part in parts:
        part.write_bytes(part.name.encode())
    (tmp_path / "manifest.json").write_text(json.dumps({"job": "one"}))
    folder_in(whole).publish(parts, tmp_path / "manifest.json")
    for step in whole.steps[:steps]:
        path = step.partition(" ")[2]
        killed.objects[path] = whole.objects.get(path, b"")
        if step.startswith("delete"):
            del killed.objects[path]
    folder = folder_in(killed)
    folder.require_writable()
    folder.claim("one", restart=False)
    folder.publish(parts, tmp_path / "manifest.json")
    assert killed.objects == whole.objects


def test_an_unreachable_place_has_an_exit_code_of_its_own() -> None:
    assert (UnreachablePlaceError.exit_code, UnreachablePlaceError.reason) == (5, "data_unreachable")
