"""The settings of each command that uses a registered model."""

import re
from dataclasses import dataclass, field

from ..addresses import mask
from ..bounds import LEAST_RATE
from ..places import POSTGRES, place_of, require_no_credentials
from .campaign import CampaignSettings, MeasureSettings
from .checks import require, require_choice
from .decide import DecideSettings
from .log import MovedLogSettings, SummarySettings, TransactionsSettings
from .registry import RegistrySettings
from .result import ResultSettings
from .score import DAY_COLUMNS, LOG_COLUMNS, BatchScoreSettings, TrustedScoreSettings
from .spark import ENGINES, LOCAL, SPARK, SparkSettings
from .window import ObservedSettings

MODEL = "models:/[^/@]+(@[^/@]+|/[^/@]+)"  # the registry refuses other texts
RUN = "runs:/[0-9a-f]{32}"
MODEL_RULE = "a model (models:/clv@champion, models:/clv/3, models:/clv/latest) or a training run (runs:/ and its id)"

CHAMPION = "models:/clv@champion"

CUSTOMER_ID = "customer_id"  # as in `summary`, whose import takes a second


@dataclass
class ScoreJobSettings:
    """The settings of `tenure-score`.

    Args:
        model: model to score with: by alias (models:/clv@champion), by number (models:/clv/3, models:/clv/latest) or of
            a training run (runs:/ and its id).
        output: path of the scores: one file if it ends in .parquet, an atomic write, complete or absent; a folder of
            parts if it ends in /, complete once it has a manifest. A job that was stopped continues. Elsewhere:
            postgres:TABLE, whose rows are replaced in one transaction; s3://BUCKET/FOLDER/, parts and a manifest.
        restart: whether to discard the parts of another scoring at output; otherwise the job is refused.
        by: columns to total by, such as [country]: of summary.path, or named in transactions.segments.
        by_month: whether to add purchases and clv by month: columns of lists, and a table of totals.
        residual: whether to add the clv without a horizon: columns residual_clv, residual_low, residual_high and so on.
        engine: where customers are scored. local: on this machine; spark: in the executors of a Spark cluster.
        spark: the Spark session of engine=spark.
        hash_ids: whether to write hashed ids: HMAC-SHA256 with the salt in TENURE_ID_SALT in the environment.
        transactions: the purchase log.
        summary: a customer summary to score instead of a log.
        rfm: the end of observation.
        score: horizon, discounting, margin, level, and further columns.
        registry: store and experiment.
        seed: seed of the simulated outcomes, from 0 to 2^63 - 1.
        result: the file that describes how the command ended.
    """

    model: str = CHAMPION
    output: str = "scores.parquet"
    restart: bool = False
    by: list[str] = field(default_factory=list)
    by_month: bool = False
    residual: bool = False
    engine: str = LOCAL
    spark: SparkSettings = field(default_factory=SparkSettings)
    hash_ids: bool = False
    transactions: TransactionsSettings = field(default_factory=TransactionsSettings)
    summary: SummarySettings = field(default_factory=SummarySettings)
    rfm: ObservedSettings = field(default_factory=ObservedSettings)
    score: BatchScoreSettings = field(default_factory=BatchScoreSettings)
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    seed: int = 0
    result: ResultSettings = field(default_factory=ResultSettings)

    def __post_init__(self) -> None:
        is_model = re.fullmatch(f"{MODEL}|{RUN}", self.model) is not None
        require(is_model, "model", MODEL_RULE, self.model)
        self._require_output()
        rate, rule = self.score.discount_rate, f"at least {LEAST_RATE:g} with residual=true, which has no other end"
        require(not self.residual or rate >= LEAST_RATE, "score.discount_rate", rule, rate)
        require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)
        names_customers = self.hash_ids and CUSTOMER_ID in self.by
        require(not names_customers, "by", f"without {CUSTOMER_ID} with hash_ids=true", self.by)
        require_choice("engine", self.engine, ENGINES)
        is_right = not self.hash_ids or self.engine != SPARK
        rule = "false with engine=spark, whose plans would show the salt: hash the ids of its input"
        require(is_right, "hash_ids", rule, self.hash_ids)
        is_right = self.summary.table is None or self.engine == SPARK
        require(is_right, "summary.table", "null unless engine=spark, whose tables it names", self.summary.table)
        if self.summary.source is not None:
            self._require_summary_columns()

    def _require_output(self) -> None:
        require_no_credentials("output", self.output)
        place = place_of(self.output)
        is_table = place is not None and place.kind == POSTGRES
        rule = "a path that ends in .parquet, that of a folder, which ends in /, or postgres:TABLE"
        require(is_table or self.output.endswith((".parquet", "/")), "output", rule, mask(self.output))
        if place is not None and not is_table:
            require(self.output.endswith("/"), "output", "a folder in S3, which ends in /", self.output)
        rule = "a path that Spark's executors see, with engine=spark"
        require(place is None or self.engine != SPARK, "output", rule, self.output)

    def _require_summary_columns(self) -> None:
        """Raise SettingsError for columns of `score.columns` that a customer summary does not have."""
        unknown = [name for name in self.score.columns if name in LOG_COLUMNS]
        rule = f"without {', '.join(unknown)} for a summary, which has no first order: score a purchase log"
        require(not unknown, "score.columns", rule, self.score.columns)
        dated = [name for name in self.score.columns if name in DAY_COLUMNS]
        rule = f"the day up to which the summary counts, which {', '.join(dated)} of score.columns needs"
        require(not dated or self.summary.as_of is not None, "summary.as_of", rule, self.summary.as_of)


@dataclass
class DecideJobSettings:
    """The settings of `tenure-decide`.

    Args:
        model: model to decide with: by alias (models:/clv@champion), by number (models:/clv/3, models:/clv/latest) or
            of a training run (runs:/ and its id).
        output: path of a new folder; an atomic write: complete or absent.
        hash_ids: whether to write hashed ids: HMAC-SHA256 with the salt in TENURE_ID_SALT in the environment.
        transactions: the purchase log.
        rfm: the end of observation.
        score: horizon, discounting, margin and level.
        decide: tiers, stages, costs and offers.
        registry: store and experiment.
        seed: seed of the simulated outcomes, from 0 to 2^63 - 1.
        result: the file that describes how the command ended.
    """

    model: str = CHAMPION
    output: str = "decisions"
    hash_ids: bool = False
    transactions: TransactionsSettings = field(default_factory=TransactionsSettings)
    rfm: ObservedSettings = field(default_factory=ObservedSettings)
    score: TrustedScoreSettings = field(default_factory=TrustedScoreSettings)
    decide: DecideSettings = field(default_factory=DecideSettings)
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    seed: int = 0
    result: ResultSettings = field(default_factory=ResultSettings)

    def __post_init__(self) -> None:
        is_model = re.fullmatch(f"{MODEL}|{RUN}", self.model) is not None
        require(is_model, "model", MODEL_RULE, self.model)
        require(self.output.strip() != "", "output", "the path of a new folder", self.output)
        rate, rule = self.score.discount_rate, f"at least {LEAST_RATE:g}, as ceilings without a horizon need"
        require(rate >= LEAST_RATE, "score.discount_rate", rule, rate)
        require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)
        since, end = self.decide.stages.since, self.rfm.end
        is_before = not (since and end) or since < end
        require(is_before, "decide.stages.since", f"before rfm.end ({end})", since)


@dataclass
class CampaignJobSettings:
    """The settings of `tenure-campaign`.

    Args:
        model: model to measure with: by alias (models:/clv@champion), by number (models:/clv/3, models:/clv/latest) or
            of a training run (runs:/ and its id).
        output: path of a new folder; an atomic write: complete or absent.
        plan: whether the campaign is still to come: compute the smallest effect that it could find.
        transactions: the purchase log.
        rfm: the end of observation.
        score: margin and level.
        campaign: customers, arms, days and costs.
        registry: store and experiment.
        seed: seed of the simulated outcomes, from 0 to 2^63 - 1.
        result: the file that describes how the command ended.
    """

    model: str = CHAMPION
    output: str = "campaign"
    plan: bool = False
    transactions: TransactionsSettings = field(default_factory=TransactionsSettings)
    rfm: ObservedSettings = field(default_factory=ObservedSettings)
    score: MeasureSettings = field(default_factory=MeasureSettings)
    campaign: CampaignSettings = field(default_factory=CampaignSettings)
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    seed: int = 0
    result: ResultSettings = field(default_factory=ResultSettings)

    def __post_init__(self) -> None:
        is_model = re.fullmatch(f"{MODEL}|{RUN}", self.model) is not None
        require(is_model, "model", MODEL_RULE, self.model)
        require(self.output.strip() != "", "output", "the path of a new folder", self.output)
        require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)


@dataclass
class PromoteSettings:
    """The settings of `tenure-promote`.

    Args:
        model: model to promote, by alias (models:/clv@challenger) or number (models:/clv/3).
        reason: why a person promotes it, 2,000 characters at most. It outweighs the comparison, never a FAIL.
        by: who promotes, 2,000 characters at most; null: the login on this machine.
        rollback: whether to make the champion before this one champion again.
        transactions: the present place of the challenger's purchase log.
        registry: store and experiment.
        seed: seed of both fits and of the simulated outcomes, from 0 to 2^63 - 1.
        result: the file that describes how the command ended.
    """

    model: str = "models:/clv@challenger"
    reason: str | None = None
    by: str | None = None
    rollback: bool = False
    transactions: MovedLogSettings = field(default_factory=MovedLogSettings)
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    seed: int = 0
    result: ResultSettings = field(default_factory=ResultSettings)

    def __post_init__(self) -> None:
        is_model = re.fullmatch(MODEL, self.model) is not None
        rule = "a model by alias or number: models:/clv@challenger or models:/clv/3"
        require(is_model, "model", rule, self.model)
        for key in ("reason", "by"):
            value = getattr(self, key)
            is_right = value is None or (bool(value.strip()) and len(value) <= 2000)
            require(is_right, key, "a text of 2,000 characters at most, or null", value)
        require(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)

    @property
    def model_name(self) -> str:
        """Return the name of the registered model, without alias and version."""
        return re.split("[@/]", self.model.removeprefix("models:/"))[0]


@dataclass
class ReportJobSettings:
    """The settings of `tenure-report`.

    Args:
        model: model by alias (models:/clv@champion) or number (models:/clv/3), or the id of a training run.
        output: path of the report; an atomic write: complete or absent.
        registry: store and experiment.
        result: the file that describes how the command ended.
    """

    model: str = CHAMPION
    output: str = "report.html"
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    result: ResultSettings = field(default_factory=ResultSettings)

    def __post_init__(self) -> None:
        is_model = re.fullmatch(rf"{MODEL}|[0-9a-f]{{32}}", self.model) is not None
        rule = (
            "a model by alias or number (models:/clv@challenger, models:/clv/3) or the id of a run (32 digits, 0 to f)"
        )
        require(is_model, "model", rule, self.model)
