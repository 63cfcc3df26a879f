"""The customers of a campaign: read their table, check ids, arms, segments and costs."""

import difflib
from collections.abc import Iterable, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from .. import remote
from ..addresses import mask
from ..errors import InputError
from ..frames import Frame
from ..settings import CampaignSettings
from ..transactions import Transactions
from ..transactions.identities import normalize

SHOWN = 3
SEPARATORS = (",", ";", "\t", "|")
TREATED, CONTROL = "treated", "control"


class CampaignError(InputError):
    """A campaign that cannot be measured; the message says why and what to do."""


def read_customers(source: object, settings: CampaignSettings) -> pd.DataFrame:
    """Return the customers with the columns `customer_id` (text), `arm`, `cost` and the segments, checked.

    Args:
        source: the path of a CSV or Parquet file, or a table of any kind.
        settings: the names of its columns, the arms, and their costs.

    Raises CampaignError for a table that cannot be used.
    """
    where = "campaign.customers"
    raw = _read(source, settings) if isinstance(source, str | PathLike) else Frame.of(source, where).to_pandas()
    names = {"customer_id": settings.columns.customer_id, "arm": settings.columns.arm, "cost": settings.columns.cost}
    used = {name: column for name, column in names.items() if column is not None}
    _require_columns(raw, [*used.values(), *settings.segments])
    if not len(raw):
        raise CampaignError(f"{where} has no rows: list each customer with the arm.")
    table = pd.DataFrame({name: raw[column].to_numpy() for name, column in used.items()})
    table["customer_id"] = _texts(raw[used["customer_id"]], "customer ids")
    table["arm"] = _texts(raw[used["arm"]], "arms")
    for name in settings.segments:
        table[name] = raw[name].astype(object).where(raw[name].notna(), "(none)").astype(str).to_numpy()
    _refuse_twice(table)
    table["cost"] = _costs(table, settings)
    return table.reset_index(drop=True)


def _read(path: str | PathLike[str], settings: CampaignSettings) -> pd.DataFrame:
    """Return the table of a file; ids of a CSV are text, so that 007 is not 7."""
    name = fspath(path)
    if why := remote.refusal(name):
        raise CampaignError(f"campaign.customers {mask(name)} {why}")
    file = Path(name).expanduser()
    if not name.endswith((".csv", ".parquet")):
        raise CampaignError(f"campaign.customers must end in .csv or .parquet, got {name!r}.")
    if not file.is_file():
        raise CampaignError(f"campaign.customers {name!r}: there is no such file.")
    try:
        if name.endswith(".parquet"):
            return pd.read_parquet(file)
        with file.open(encoding="utf-8-sig") as lines:
            header = lines.readline()
        wanted = [settings.columns.customer_id, settings.columns.arm]
        fields = {one: [field.strip().strip('"') for field in header.split(one)] for one in SEPARATORS}
        separator = next((one for one in SEPARATORS if set(wanted) <= set(fields[one])), ",")
        return pd.read_csv(file, sep=separator, dtype=str, encoding="utf-8-sig", skipinitialspace=True)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise CampaignError(
            f"campaign.customers {name!r} cannot be read as a table. It may be damaged or of another format: write it"
            " again as Parquet, or as CSV in UTF-8."
        ) from error


def _require_columns(table: pd.DataFrame, wanted: Sequence[str]) -> None:
    """Raise CampaignError with all missing columns."""
    columns = [str(column) for column in table.columns]
    missing = [name for name in wanted if name not in columns]
    if missing:
        near = difflib.get_close_matches(missing[0], columns, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        named = ", ".join(map(repr, missing))
        raise CampaignError(
            f"campaign.customers has no column {named}; it has {', '.join(map(repr, columns))}.{hint} Name them by"
            " campaign.columns and campaign.segments."
        )


def _texts(values: "pd.Series[Any]", what: str) -> "pd.Series[str]":
    """Return values as text, whole floats as integers; raise CampaignError for missing ones."""
    texts = values.astype(str).str.strip()
    if pd.api.types.is_float_dtype(values.dtype):
        texts = texts.str.replace(r"\.0+$", "", regex=True)
    lost = values.isna() | (texts == "")
    if lost.any():
        first = ", ".join(f"row {at + 1}" for at in np.flatnonzero(lost)[:SHOWN])
        raise CampaignError(
            f"{lost.sum():,} of {len(values):,} {what} of campaign.customers are missing (first: {first})."
        )
    return pd.Series(texts.to_numpy(object), dtype="str")


def _refuse_twice(table: pd.DataFrame) -> None:
    """Raise CampaignError for customers in two arms, and for those listed twice."""
    twice = table[table["customer_id"].duplicated(keep=False)]
    if not len(twice):
        return
    arms = twice.groupby("customer_id")["arm"].unique()
    several = arms[arms.map(len) > 1]
    if len(several):
        first = "; ".join(f"{one!r} in {' and '.join(map(repr, sorted(of)))}" for one, of in several[:SHOWN].items())
        raise CampaignError(
            f"{len(several):,} customers are in more than one arm (first: {first}): nothing can be attributed to an arm"
            " then. Keep the arm that was drawn first, for all of them."
        )
    first = ", ".join(map(repr, arms.index[:SHOWN]))
    raise CampaignError(f"{len(arms):,} customers are listed more than once (first: {first}). List each once.")


def _costs(table: pd.DataFrame, settings: CampaignSettings) -> "pd.Series[float]":
    """Return what each customer cost; raise CampaignError for costs that are none, or of an arm that is not there."""
    if settings.columns.cost is not None:
        costs = pd.to_numeric(table["cost"], errors="coerce")
        wrong = ~(np.isfinite(costs) & (costs >= 0))
        if wrong.any():
            pairs = table.loc[wrong, ["cost", "customer_id"]].head(SHOWN).astype(object).to_numpy().tolist()
            first = ", ".join(f"{cost!r} of {customer!r}" for cost, customer in pairs)
            raise CampaignError(
                f"{wrong.sum():,} of {len(table):,} costs are no numbers of 0 or more (first: {first}). Write 1234.50;"
                " a customer who cost nothing has 0."
            )
        return costs.astype(float)
    arms = sorted(table["arm"].unique())
    unknown = sorted(set(settings.costs) - set(arms))
    if unknown:
        raise CampaignError(f"campaign.costs has {_names(unknown)}, but the arms are {_names(arms)}.")
    return table["arm"].map(settings.costs).fillna(0.0 if settings.costs else np.nan).astype(float)


def require_given(settings: CampaignSettings, *, has_customers: bool, plan: bool) -> None:
    """Raise CampaignError for settings without what a campaign, or its plan, needs."""
    if plan and settings.control is None:
        raise CampaignError("campaign.control is null, and a plan needs a control: name its arm.")
    if not plan and not has_customers:
        raise CampaignError(
            "campaign.customers is missing: the table of the customers and their arms. Before a campaign: plan=true."
        )
    if not plan and settings.start is None:
        raise CampaignError("campaign.start is missing: the first day of the campaign, such as 1998-03-01.")


def require_arms(table: pd.DataFrame, settings: CampaignSettings) -> list[str]:
    """Return the arms without the control; raise CampaignError where there is no control, or nothing but it."""
    arms, control = sorted(table["arm"].unique()), settings.control
    if control is None:
        return arms
    if control not in arms:
        near = difflib.get_close_matches(control, arms, n=1)
        hint = f" Did you mean campaign.control={near[0]}?" if near else ""
        raise CampaignError(
            f"There is no control: no customer has the arm {control!r} (campaign.control), the arms are"
            f" {_names(arms)}.{hint} Without a control group: campaign.control=null compares with the forecast alone,"
            " which sees large effects only."
        )
    if len(arms) == 1:
        raise CampaignError(
            f"All {len(table):,} customers are in the control, {control!r}: there is no arm to measure."
        )
    small = {arm: size for arm, size in table["arm"].value_counts().items() if size < 10}
    if small:
        sizes = ", ".join(f"{arm!r} {size}" for arm, size in sorted(small.items()))
        raise CampaignError(f"An arm needs at least 10 customers: {sizes}. Join arms, or leave these out.")
    return [arm for arm in arms if arm != control]


def match(table: pd.DataFrame, present: Sequence[str], log: Transactions, settings: CampaignSettings) -> np.ndarray:
    """Return the place of each customer among those who had bought before the start.

    Raises CampaignError for ids that the log does not have, and for customers who had not bought yet.
    """
    places = pd.Index(present).get_indexer(pd.Index(table["customer_id"]))
    lost = table["customer_id"][places < 0]
    if len(lost):
        bought = log.purchases(log.last_day).select("customer_id").distinct().to_pandas()["customer_id"]
        later = lost[lost.isin(set(bought))]
        unknown = lost[~lost.isin(set(later))]
        if len(unknown):
            raise CampaignError(
                f"{len(unknown):,} of {len(table):,} customers of the campaign are not in the log (first:"
                f" {_names(unknown[:SHOWN])}). Ids must be written as in the log, where they are such as"
                f" {_names(bought.iloc[:2])}; customers without any purchase cannot be forecast, leave them out."
            )
        raise CampaignError(
            f"{len(later):,} of {len(table):,} customers had not bought before {settings.start} (first:"
            f" {_names(later[:SHOWN])}), so nothing was expected of them at the start. Leave them out."
        )
    return places


def normalized(table: pd.DataFrame, log: Transactions, forms: Sequence[str]) -> pd.DataFrame:
    """Return the customers with ids in the forms of the log (`transactions.normalize_ids`)."""
    if not forms:
        return table
    backend = log.tables.sales.get_backend()
    raw = ibis.memtable(pd.DataFrame({"id": table["customer_id"], "at": np.arange(len(table))}))
    ids = backend.to_pandas(raw.mutate(id=normalize(raw["id"], list(forms))).order_by("at"))["id"]
    result = table.assign(customer_id=ids.to_numpy())
    _refuse_twice(result)
    return result


def assign(present: Sequence[str], settings: CampaignSettings, rng: np.random.Generator) -> pd.DataFrame:
    """Draw the arms of all customers at random, by the planned shares, for a plan without a table of customers."""
    shares = settings.shares or {settings.control or CONTROL: 0.5, TREATED: 0.5}
    table = pd.DataFrame({"customer_id": pd.Series(list(present), dtype="str")})
    sizes = np.diff(np.round(np.cumsum([0.0, *shares.values()]) * len(table)).astype(int))
    table["arm"] = rng.permutation(np.repeat(list(shares), sizes))
    table["cost"] = table["arm"].map(settings.costs).fillna(0.0 if settings.costs else np.nan).astype(float)
    return table


def _names(values: Iterable[object]) -> str:
    return ", ".join(repr(value) for value in values)
