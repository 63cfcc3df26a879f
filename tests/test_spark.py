"""Scoring on Spark: on a real cluster with two workers, and through Spark Connect, equal to this machine to the bit."""

import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import spark_cluster
import stores
from cases import few
from job_runs import command

import tenure
from tenure import registry
from tenure.errors import InputError
from tenure.jobs import scoring
from tenure.jobs.compose import compose_settings
from tenure.jobs.engine import engine_of
from tenure.output import OutputError
from tenure.posterior import Posterior
from tenure.scorer import COLUMNS as SCORES
from tenure.scorer import COUNTS
from tenure.settings import SettingsError

FEW = 3_000
ALL = ("by=[country]", "by_month=true", "residual=true", "summary.as_of=2024-01-31")
COLUMNS = "score.columns=[model_version,first_purchase,last_purchase,as_of,horizon_days]"
WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "tenure":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
"""
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of py4j's connections
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:The copy keyword:pandas.errors.Pandas4Warning"),  # of PySpark
]
needs_spark = pytest.mark.skipif(spark_cluster.missing() is not None, reason=str(spark_cluster.missing()))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[spark_cluster.Cluster]:
    """Yield a cluster with a session that is active in this process; jobs without an address use it."""
    from tenure.spark import open_session

    with spark_cluster.cluster_in(tmp_path_factory.mktemp("cluster")) as cluster:
        settings = compose_settings("score", [f"spark.master={cluster.master}", spark_cluster.SESSION]).spark
        with open_session(settings):
            yield cluster


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, posterior: Posterior) -> Iterator[Path]:
    """Return a folder with customers and a store, whose champion is registered."""
    folder, before = tmp_path_factory.mktemp("home"), mlflow.get_tracking_uri()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        registry.use(stores.put_store(folder))
        mlflow.set_experiment("tenure")
        with mlflow.start_run() as run:
            mlflow.set_tags({"job": "train", "verdict": "PASS"})
            dated = Posterior(posterior.draws, "bg_nbd", "gamma_gamma", {"observed_days": 200})
            facts = {"run_id": run.info.run_id, "verdict": "PASS", "tags": {}}
            registry.register(dated, "clv", **facts, validated_horizon_days=365)
        table_of(FEW).to_parquet(folder / "customers.parquet", row_group_size=500)
        yield folder
        registry.use(before)


def table_of(count: int) -> pd.DataFrame:
    """Make up customers, some with equal histories, in two countries and none."""
    rng = np.random.default_rng(7)
    T = rng.integers(1, 600, count)
    frequency = np.minimum(rng.geometric(0.4, count) - 1, T)
    recency = np.where(frequency > 0, np.maximum(frequency, np.ceil(rng.random(count) * T)), 0).astype(np.int64)
    spend = np.where(frequency > 0, np.round(rng.gamma(4.0, 9.0, count) + 0.01, 2), 0.0)
    columns = {"customer_id": [f"c{n}" for n in rng.permutation(count)], "frequency": frequency, "recency": recency}
    table = pd.DataFrame({**columns, "T": T, "monetary_value": spend})
    return table.assign(country=np.select([T < 200, T < 400], ["DE", "FR"], None))


def score(output: str, *overrides: str) -> Any:
    line = ["summary.path=customers.parquet", f"output={output}", *overrides]
    return scoring.run(compose_settings("score", line), "")


def rows(output: str) -> pd.DataFrame:
    return pd.read_parquet(output).sort_values("customer_id", ignore_index=True)


def assert_same(one: Any, other: Any, outputs: tuple[str, str]) -> None:
    """Check that two scorings are equal to the bit: rows, totals, groups, months."""
    pd.testing.assert_frame_equal(*map(rows, outputs), check_exact=True)
    assert one.totals == other.totals
    first, second = (registry.evidence(result.run_id) for result in (one, other))
    for table in ("scores/groups", "scores/months"):
        pd.testing.assert_frame_equal(first.table(table), second.table(table), check_exact=True)


@pytest.fixture(scope="module")
def local(home: Path) -> Any:
    return score("local.parquet", *ALL, COLUMNS)


@needs_spark
@pytest.mark.slow
def test_a_cluster_scores_to_the_bit_as_this_machine_however_it_divides_customers(
    home: Path, local: Any, cluster: spark_cluster.Cluster
) -> None:
    for partitions in (1, 7, 16):
        output = f"spark_{partitions}/"
        scored = score(output, *ALL, COLUMNS, "engine=spark", f"spark.partitions={partitions}")
        assert_same(local, scored, ("local.parquet", output))
        files = sorted(Path(output).glob("*.parquet"))
        assert len(files) == partitions
        manifest = json.loads((Path(output) / "_tenure" / "manifest.json").read_text())
        assert set(manifest["parts"]) == {path.name for path in files}
        assert not (Path(output) / "_tenure" / "customers").exists()
    before = {path: path.stat().st_ino for path in files}
    again = score(output, *ALL, COLUMNS, "engine=spark", "spark.partitions=16")  # complete: nothing is scored again
    assert {path: path.stat().st_ino for path in files} == before
    assert again.totals == local.totals
    with pytest.raises(OutputError, match="another part size"):
        score(output, *ALL, COLUMNS, "engine=spark", "spark.partitions=15")
    loads = re.findall(r"tenure: (process \d+ has loaded the model \w+)", cluster.errors())
    assert len(loads) == len(set(loads)) >= 2


@needs_spark
@pytest.mark.slow
def test_integer_ids_a_few_rows_at_a_time_and_one_file(home: Path, cluster: spark_cluster.Cluster) -> None:
    table_of(FEW).assign(customer_id=np.arange(FEW)[::-1]).drop(columns="country").to_parquet("numbered.parquet")
    request = ["summary.path=numbered.parquet", "score.part_rows=100", "score.horizon_days=30"]
    here = score("numbered_here.parquet", *request)
    there = score("numbered_there.parquet", *request, "engine=spark")
    pd.testing.assert_frame_equal(rows("numbered_here.parquet"), rows("numbered_there.parquet"), check_exact=True)
    assert here.totals == there.totals
    assert not [path for path in home.iterdir() if path.name.startswith(".")]
    text = score("as_text.parquet", *request, "engine=spark", "transactions.id_type=text")
    assert text.totals == here.totals
    assert rows("as_text.parquet")["customer_id"].dtype == "str"


@needs_spark
@pytest.mark.slow
def test_every_customer_is_scored_once_to_the_same_bits_where_a_worker_is_killed(
    home: Path, local: Any, cluster: spark_cluster.Cluster
) -> None:
    with ended_mid_job(cluster, "killed/", "worker 1") as finished:
        scored = score("killed/", *ALL, COLUMNS, "engine=spark", "spark.partitions=16")
    assert 1 <= finished[0] < 16
    assert_same(local, scored, ("local.parquet", "killed/"))
    cluster.start_worker("worker 3")


@needs_spark
@pytest.mark.slow
def test_a_job_whose_workers_are_all_killed_is_one_line_without_output(
    home: Path, local: Any, cluster: spark_cluster.Cluster
) -> None:
    request = [*ALL, COLUMNS, "engine=spark", "spark.partitions=16", "spark.patience_seconds=90"]
    workers = [name for name in cluster.processes if name.startswith("worker")]
    with (
        ended_mid_job(cluster, "lost/", *workers),
        pytest.raises(InputError, match="none of its tasks has finished") as lost,
    ):
        score("lost/", *request)
    assert lost.value.exit_code == 2
    assert "\n" not in str(lost.value)
    assert not Path("lost").exists()
    for name in ("worker 4", "worker 5"):
        cluster.start_worker(name)
    assert_same(local, score("lost/", *request), ("local.parquet", "lost/"))


@contextmanager
def ended_mid_job(cluster: spark_cluster.Cluster, output: str, *workers: str) -> Iterator[list[int]]:
    """Kill workers after the first task of a job has finished; yield a list that gets how many had by then."""
    finished: list[int] = []
    tasks = Path(output).resolve() / "_tenure" / "customers" / "spark" / "_temporary" / "0"

    def kill() -> None:
        while not (done := len(list(tasks.glob("task_*")))):
            time.sleep(0.02)
        finished.append(done)
        for worker in workers:
            cluster.kill(worker)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    yield finished
    killer.join(5)
    assert finished


@needs_spark
@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="recency"), "no column 'recency'"),
        (lambda table: table.assign(T=-1), "3,000 of 3,000 customers have a T below 0"),
        (lambda table: table.replace({"customer_id": "c7"}, "c8"), "1 customer ids are on more than one row.*'c8'"),
        (lambda table: table.replace({"customer_id": "c7"}, ""), r"1 of 3,000 customer ids are null or blank\. Every"),
        (lambda table: table.assign(country=table["customer_id"]), "make 3,000 groups; the most is 1,000"),
        (lambda table: table.iloc[:0], "There are no customers"),
        (lambda table: table.assign(customer_id=1.5), r"3,000 of 3,000 customer ids are floats"),
    ],
)
def test_a_broken_table_is_refused_before_anything_is_scored(
    home: Path, cluster: spark_cluster.Cluster, change: Any, message: str
) -> None:
    change(table_of(FEW)).to_parquet("broken.parquet")
    with pytest.raises(InputError, match=message):
        score("broken/", "summary.path=broken.parquet", "by=[country]", "engine=spark")
    assert not Path("broken").exists()


@needs_spark
@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["summary.path=none.parquet"], "Spark finds no such file"),
        (["summary.path=null", "summary.table=nowhere.customers"], "Spark finds no such table"),
        (["summary.path=customers.csv"], "Write it as Parquet"),
    ],
)
def test_a_table_that_is_not_there_is_refused_in_one_line(
    home: Path, cluster: spark_cluster.Cluster, overrides: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message) as refused:
        score("nothing/", *overrides, "engine=spark")
    assert "\n" not in str(refused.value)
    assert not Path("nothing").exists()


@needs_spark
@pytest.mark.slow
def test_spark_connect_scores_to_the_bit_as_this_machine(home: Path, local: Any) -> None:
    """In a process of its own: one process has one kind of session."""
    store = f"registry.tracking_uri=sqlite:///{home / 'mlflow.db'}"
    request = [*ALL, COLUMNS, "summary.path=customers.parquet", "output=connect/", store]
    ran = command("score", *request, "engine=spark", "spark.remote=local[2]", "spark.partitions=5", folder=home)
    assert ran.code == 0, ran.err
    assert "Traceback" not in ran.err
    pd.testing.assert_frame_equal(rows("local.parquet"), rows("connect/"), check_exact=True)
    manifest = json.loads((home / "connect" / "_tenure" / "manifest.json").read_text())
    assert manifest["totals"] == local.totals


@needs_spark
@pytest.mark.slow
def test_no_cluster_at_an_address_is_one_line(home: Path) -> None:
    port = spark_cluster.free_port()
    store = f"registry.tracking_uri=sqlite:///{home / 'mlflow.db'}"
    request = ["summary.path=customers.parquet", "output=absent/", store, "engine=spark"]
    ran = command("score", *request, f"spark.remote=sc://127.0.0.1:{port}", folder=home)
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.strip().splitlines()) == 1
    assert f"The Spark session cannot be opened: nothing answers at 127.0.0.1:{port} (" in ran.err
    assert not (home / "absent").exists()


@needs_spark
@pytest.mark.slow
def test_executors_need_no_installed_tenure(home: Path, local: Any, tmp_path: Path) -> None:
    """The function of the executors, pickled as Spark does, runs where the package cannot be imported."""
    from pyspark import cloudpickle

    from tenure import spark
    from tenure.spark import executor

    model, digest = spark.pack_model(registry.model_files(registry.load("models:/clv/1")))
    table = table_of(FEW).drop(columns="country")
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), tmp_path / "in.parquet")
    params = {"horizon_days": 365, "discount_rate": 0.1, "margin": 1.0, "level": 0.9, "seed": 0}
    kinds = {name: pa.int64() if name in COUNTS else pa.float64() for name in SCORES}
    schema = pa.schema([("customer_id", pa.string()), *kinds.items(), ("sums", pa.binary())])
    work = executor.Work(model, digest, params, schema=schema)
    (tmp_path / "work.pickle").write_bytes(cloudpickle.dumps(partial(executor.score, work)))
    code = (
        f"{WITHOUT}\nimport pickle, pyarrow as pa, pyarrow.parquet as pq\n"
        "score = pickle.load(open('work.pickle', 'rb'))\n"
        "batches = list(score(pq.ParquetFile('in.parquet').iter_batches(700)))\n"
        "pq.write_table(pa.Table.from_batches(batches), 'out.parquet')\n"
        "import sys; assert not [name for name in sys.modules if name.partition('.')[0] == 'tenure']\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    scored = pd.read_parquet(tmp_path / "out.parquet")
    assert scored["sums"].notna().tolist() == [False] * FEW + [True]
    here = pd.read_parquet("local.parquet")[list(scored.columns[:-1])]
    pd.testing.assert_frame_equal(scored.iloc[:-1, :-1].astype(here.dtypes), here, check_exact=True)


@needs_spark
def test_compiled_code_of_all_processes_is_in_one_private_folder_where_the_users_own_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tenure.spark import executor

    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "kept")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    cache = executor._cache()
    assert cache == executor._cache()  # the next one is in the environment
    assert cache.parent.parent == tmp_path
    assert cache.parent.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    cache.parent.chmod(0o777)  # as somebody else may have made it
    assert executor._cache() not in (cache, cache.parent)


@needs_spark
@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("[X] Job aborted.\n\tat org.apache.Spark(x.scala)", "[X] Job aborted."),
        ("a\nTraceback (most recent call last):\n  File 1\nValueError: no\n\n\tat org.x(y)", "ValueError: no"),
        ("Traceback (most recent call last):\nModuleNotFoundError: No module named 'numba'", "the executors lack"),
        ("", "no cause is known"),
        ("cannot reach sc://host/;token=abc", "cannot reach sc://host/;token=***"),
        ("x" * 400, "x" * 300 + "..."),
    ],
)
def test_an_error_of_spark_is_its_cause_in_one_line(text: str, cause: str) -> None:
    from tenure.spark.errors import cause_of

    assert cause_of(text).startswith(cause)
    assert "\n" not in cause_of(text)


def test_a_job_without_pyspark_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("tenure.spark", "tenure.jobs.spark_engine"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("tenure.spark", raising=False)
    monkeypatch.setitem(sys.modules, "pyspark", None)
    settings = compose_settings("score", ["engine=spark", "summary.path=customers.parquet"])
    with pytest.raises(InputError, match="uv sync --group spark"):
        engine_of(settings, None, None, (), None)


def test_only_the_api_that_spark_connect_has_is_used() -> None:
    root = Path(tenure.__file__).parent
    texts = {path: path.read_text() for path in root.rglob("*.py")}
    ours = [text for path, text in texts.items() if path.parent == root / "spark"]
    assert ours
    assert not [text for text in ours if re.search(r"sparkContext|SparkContext|\.rdd\b|\._j|spark_udf", text)]


@pytest.mark.parametrize(
    ("overrides", "message"),
    few(
        [
            (["engine=ray"], "engine must be one of local, spark"),
            (
                ["spark.remote=sc://host:15002/;token=abc"],
                r"SPARK_REMOTE, or null, got 'sc://host:15002/;token=\*\*\*'",
            ),
            (["spark.remote=http://host"], "spark.remote must be sc://"),
            (["spark.master=sc://host"], "that of Spark Connect is spark.remote"),
            (["spark.master=yarn", "spark.remote=sc://host"], "null if spark.master is set"),
            (["spark.config={spark.hadoop.fs.s3a.secret.key: abc}"], "without secrets"),
            (["spark.config={spark.hadoop.fs.azure.account.key.x: abc}"], "without secrets"),
            (["spark.partitions=0"], "spark.partitions must be from 1 up"),
            (["spark.patience_seconds=1"], "from 10 up"),
            (["summary.table=shop.customers"], "null unless engine=spark"),
            (["engine=spark", "hash_ids=true"], "would show the salt"),
            (["engine=spark", "summary.path=a.parquet", "summary.table=b"], "null if summary.path is set"),
            (["engine=spark", "summary.table=b", "score.columns=[as_of]"], r"summary\.as_of must be the day"),
            (["engine=spark", "score.horizon=365"], "there is no setting score.horizon"),
        ],
        3,
    ),
)
def test_wrong_settings_of_spark_are_refused(overrides: list[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as refused:
        compose_settings("score", overrides)
    assert "abc" not in str(refused.value)
