"""The help of each command: what it does, examples, and the settings that most users change.

The meanings of settings are those of `tenure.settings.explain`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

COLUMNS = tuple(f"transactions.columns.{role}" for role in ("customer_id", "date", "amount", "order_id"))
LOG = (
    "transactions.path",
    *COLUMNS,
    "transactions.csv.separator",
    "transactions.csv.decimal",
    "transactions.csv.day_first",
    "transactions.timezone",
)
PARAMS = tuple(f"score.{name}" for name in ("horizon_days", "discount_rate", "margin", "level"))
END = ("seed", "registry.tracking_uri", "result.path")
LOST = "5 the store cannot be reached"


@dataclass(frozen=True)
class Page:
    """The help of a command.

    Args:
        summary: what it does, in one line.
        description: the same in a few.
        examples: arguments, as a shell takes them, and what they do.
        common: keys of the settings that are explained.
        codes: exit codes besides those that all commands have.
        groups: groups of settings with their options.
    """

    summary: str
    description: str
    examples: tuple[tuple[str, str], ...]
    common: tuple[str, ...]
    codes: str
    groups: Mapping[str, str]


PAGES: Mapping[str, Page] = {
    "train": Page(
        "from a purchase log to a registered model of customer lifetime value, with intervals",
        "Reads the log, fits the days up to rfm.cutoff, compares the forecast with the days after it, reviews the"
        " evidence, refits on the whole log, and registers the scorer in MLflow. Without arguments it uses the sample"
        " that the project ships.",
        (
            ("", "the sample"),
            ("transactions.path=sales.csv rfm.cutoff=2025-06-30", "a log of your own"),
            (
                "transactions.path=sales.csv transactions.columns.customer_id=client transactions.columns.amount=total",
                "with other columns",
            ),
            ("fit.method=laplace fit.purchase_model=mbg_nbd", "another method and model"),
            ("-m seed=1,2,3", "a sweep, whose runs register nothing"),
            ("experiment=compare", "a sweep of models, priors and splits"),
        ),
        (
            *LOG,
            "rfm.cutoff",
            "rfm.end",
            "fit.method",
            "fit.purchase_model",
            "fit.spend_model",
            *PARAMS,
            "backtest.drift.source_run",
            "registry.name",
            "registry.register",
            *END,
        ),
        f"3 the verdict is FAIL (logged, not registered), {LOST}",
        {"experiment": "cdnow, compare: settings of conf/experiment", "fit/priors": "weak (default), vague"},
    ),
    "score": Page(
        "score every customer of a purchase log, or of a customer summary, with a registered model",
        "Writes one Parquet file atomically, with its description (model version, as-of day, params) in its metadata,"
        " and logs a run with row counts and totals, raw and adjusted for drift. Without a log, it scores the sample"
        " that the project ships.",
        (
            ("", "the champion, one year ahead"),
            ("model=models:/clv@challenger", "before there is a champion"),
            ("transactions.path=sales.csv output=scores.parquet", "a log of your own"),
            ("summary.path=customers.parquet", "a customer summary"),
            ("score.horizon_days=180 score.margin=0.35 score.level=0.8", "other params"),
            ("by_month=true residual=true", "also by month, and without a horizon"),
        ),
        (
            "model",
            "output",
            *LOG,
            "summary.path",
            "rfm.end",
            *PARAMS,
            "score.columns",
            "score.accept_failed",
            "by",
            "by_month",
            "residual",
            *END,
        ),
        f"3 the training run's verdict is FAIL, 4 no such model, {LOST}",
        {},
    ),
    "decide": Page(
        "answer marketing's questions: customer value, tiers, stages, what a new customer may cost, whom to win back",
        "Scores a purchase log with a registered model, and writes a folder: a row for each customer, tiers, stages,"
        " cohorts, acquisition ceilings, a win-back list, a dictionary, and a page for people (report.html).",
        (
            ("", "the champion and the sample, a folder decisions"),
            ("transactions.path=sales.csv output=decisions score.margin=0.35", "a log of your own"),
            ("'decide.acquisition.costs={all: 20}' decide.order_cost=4", "with costs"),
            (
                "transactions.segments.channel=first decide.acquisition.channel=channel"
                " 'decide.acquisition.costs={ads: 25, referral: 5}'",
                "with the cost of each channel",
            ),
            ("decide.offer.cost=10 decide.offer.lift=0.04 decide.offer.budget=2000", "an offer and its budget"),
            ("'decide.tiers={best: 0.05, good: 0.25}' decide=refill", "other tiers; settings of conf/decide"),
        ),
        (
            "model",
            "output",
            *LOG,
            "rfm.end",
            *PARAMS,
            "decide.tiers",
            "decide.order_cost",
            "decide.acquisition.channel",
            "decide.acquisition.costs",
            "decide.acquisition.ratio",
            "decide.offer.cost",
            "decide.offer.lift",
            "decide.offer.budget",
            "decide.currency",
            "decide.locale",
            *END,
        ),
        f"3 the training run's verdict is FAIL, 4 no such model, {LOST}",
        {"decide": "refill, shop: settings of conf/decide"},
    ),
    "campaign": Page(
        "measure a campaign against its control, or what one could find before it starts",
        "Reads the campaign's customers with their arms (CSV or Parquet), the purchase log and a registered model, and"
        " compares what each arm did from the start on with the control, adjusted for what the model expected at the"
        " start. Writes a new folder: effects by arm and by segment (CSV), a row for each customer"
        " (customers.parquet), a dictionary of every column, and a page for people (report.html).",
        (
            ("campaign.customers=mailing.csv campaign.start=2025-03-01", "up to the end of the log"),
            (
                "campaign.customers=mailing.csv campaign.start=2025-03-01 campaign.end=2025-05-31"
                " 'campaign.costs={mail: 1.2}' 'campaign.segments=[country]' score.margin=0.35",
                "with costs, by segment",
            ),
            ("campaign.customers=mailing.csv campaign.start=2025-03-01 campaign.control=null", "without a control"),
            ("plan=true campaign.days=60 'campaign.shares={control: 0.2, mail: 0.8}'", "before it starts"),
        ),
        (
            "model",
            "output",
            "plan",
            "campaign.customers",
            "campaign.control",
            "campaign.start",
            "campaign.end",
            "campaign.costs",
            "campaign.shares",
            "campaign.locale",
            *LOG,
            "rfm.end",
            "score.margin",
            "score.level",
            *END,
        ),
        f"3 the training run's verdict is FAIL, 4 no such model, {LOST}",
        {},
    ),
    "backtest": Page(
        "test the forecasts on the past, beside baselines, and estimate the drift of totals",
        "Fits at several cut-offs of one purchase log, forecasts from each, and compares the model with simpler"
        " forecasts, customer by customer, and its totals with the actual ones. One MLflow run with a nested run per"
        " cut-off and horizon; it registers nothing. A training with backtest.drift.source_run set to this run uses its"
        " drift.",
        (
            ("", "the sample: four cut-offs, 91 and 182 days ahead"),
            ("transactions.path=sales.csv origins.horizons_days=[182,365]", "a log of your own"),
            ("origins.step_days=30 origins.least_calibration_days=180", "more cut-offs"),
            ("-m fit.purchase_model=bg_nbd,mbg_nbd", "two models side by side"),
        ),
        (
            *LOG,
            "rfm.end",
            "fit.method",
            "fit.purchase_model",
            "fit.spend_model",
            "origins.horizons_days",
            "origins.cutoffs",
            "origins.step_days",
            "origins.least_calibration_days",
            "backtest.baselines.names",
            "level",
            *END,
        ),
        LOST,
        {"fit/priors": "weak (default), vague"},
    ),
    "promote": Page(
        "make a challenger champion, if it passed its review and the comparison with the champion allows it",
        "Fits both recipes to the calibration window of the challenger's run, forecasts its holdout with both, and"
        " compares them customer by customer. The challenger wins unless its mean CRPS of spend is worse by more than"
        " two standard errors. A verdict of REVIEW needs a reason; a FAIL is never promoted. Who, when, why and the"
        " comparison become tags of the version.",
        (
            ("", "the challenger, if it passed and the comparison allows it"),
            ("reason='Christmas explains the bias'", "a person decides"),
            ("model=models:/clv/3 reason='reviewed by Ann'", "another version"),
            ("rollback=true", "the champion before this one again"),
        ),
        ("model", "reason", "by", "rollback", "transactions.path", "transactions.trust_query", *END),
        f"3 not promoted, 4 no such model, {LOST}",
        {},
    ),
    "report": Page(
        "write the report of a training run as one HTML page",
        "The page is self-contained and needs no network. It is made from the evidence of the run: nothing is fitted,"
        " no log is read, and no customer is named. A run with the verdict FAIL has a page too.",
        (
            ("", "of the champion's run"),
            ("model=models:/clv@challenger output=challenger.html", "of the challenger's run"),
            ("model=5f42e1720ad84b46987190ed20ac1407", "of a run by its id, also of one that failed"),
        ),
        ("model", "output", "registry.tracking_uri", "result.path"),
        f"4 no such model or run, {LOST}",
        {},
    ),
    "simulate": Page(
        "write a synthetic purchase log from a known truth",
        "Customers are acquired over a window, buy and leave by a purchase model, and spend by the Gamma-Gamma model;"
        " a season, refunds and dirty rows are optional. The same settings and seed give the same bytes. The file's"
        " metadata, under tenure, contain the settings and the counts. Memory is bounded.",
        (
            ("", "near CDNOW, simulated.parquet"),
            ("simulate=heavy simulate.customers=1000000 output=log", "a folder of a million customers"),
            (
                "simulate.truth.purchase_model=mbg_nbd simulate.truth.parameters.a=1.2 truth=truth.parquet",
                "another model, with each customer's truth",
            ),
            ("simulate.season.amplitude=0.3 simulate.refunds.share=0.1", "with a season and refunds"),
            ("simulate.dirt.null_ids=0.01 simulate.dates=time", "with dirt and time stamps"),
            ("simulate.acquisition.since=1996-01-01", "with left-truncated customers"),
            ("'simulate.segments={country: {DE: 0.7, FR: 0.3}}'", "with segments"),
        ),
        (
            "output",
            "truth",
            "simulate.customers",
            "simulate.start",
            "simulate.end",
            "simulate.dates",
            "simulate.truth.purchase_model",
            "simulate.truth.parameters",
            "simulate.acquisition.since",
            "simulate.acquisition.growth",
            "simulate.season.amplitude",
            "simulate.refunds.share",
            "simulate.segments",
            "seed",
            "result.path",
        ),
        "",
        {"simulate": "cdnow (default), heavy, loyal: named populations"},
    ),
}
