"""Tabulate the sums over all customers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..settings import REST
from ..streams import stream
from .acquisition import NewCustomers, tabulate_acquisition
from .columns import ACQUISITION, COHORTS, STAGES, TIERS, WIN_BACK, Column
from .futures import Floats, simulate_blocks
from .groups import GroupSums
from .history import AGES
from .lifecycle import NEVER
from .lifecycle import STAGES as STAGE_NAMES
from .offers import Listed, simulate_gain, spend_budget
from .segments import ALL, population_name
from .sums import Sums


def _with_interval(all_sums: Sums, table: pd.DataFrame, sums: GroupSums, key: str) -> pd.DataFrame:
    low, high = sums.interval(list(table[key]), *all_sums.question.ranks)
    return table.assign(clv_low=low, clv_high=high, share_of_customers=table["customers"] / all_sums.worth.customers)


def tabulate_tiers(sums: Sums) -> pd.DataFrame:
    """Return the tiers, the best first."""
    names = list(sums.thresholds.shares)
    table = _with_interval(sums, sums.tiers.table("tier", [*names, REST]), sums.tiers, "tier")
    edges, none = np.sort(sums.thresholds.money(), axis=1), [np.nan]
    low, high = sums.question.ranks
    through = table["customers"].cumsum().to_numpy()[:-1]
    hits = [sums.hits[name] / number if number else np.nan for name, number in zip(names, through, strict=True)]
    table = table.assign(
        share_of_spend=_shares(table["historic_spend"]),
        share_of_clv=_shares(table["clv"]),
        from_clv=np.append(edges.mean(axis=1), none),
        from_clv_low=np.append(edges[:, low], none),
        from_clv_high=np.append(edges[:, high], none),
        expected_hits=[*hits, np.nan],
    )
    return table[[column.name for column in TIERS]]


def tabulate_stages(sums: Sums) -> pd.DataFrame:
    """Return the stages, and where their customers were on the earlier day."""
    table = _with_interval(sums, sums.stages.table("stage", STAGE_NAMES), sums.stages, "stage")
    moved = {
        f"from_{before}": [sums.moves.get((before, stage), 0) for stage in STAGE_NAMES]
        for before in (NEVER, *STAGE_NAMES)
    }
    named = {
        "p_alive": "expected_alive",
        "p_purchase": "expected_buyers",
        "is_overdue": "overdue",
        "disagrees": "disagree",
    }
    table = table.rename(columns=named).astype({"overdue": "int64", "disagree": "int64"}).assign(**moved)
    table = table.assign(highest_offer=table["highest_offer"] / table["has_offer"].where(table["has_offer"] > 0))
    return table[[column.name for column in STAGES]]


def tabulate_cohorts(sums: Sums) -> pd.DataFrame:
    """Return the months of first purchases."""
    table = _with_interval(sums, sums.cohorts.table("cohort"), sums.cohorts, "cohort")
    size = table["customers"]
    cohorts = list(table["cohort"])
    low, high = sums.never.interval(cohorts, *sums.question.ranks)
    means = np.array([sums.never.futures[cohort].mean() for cohort in cohorts])
    table = table.assign(
        second_purchase_rate=table["returned_once"] / size,
        never_returned=1.0 - table["returned_once"] / size,
        expected_never_returned=means / size,
        never_returned_low=low / size,
        never_returned_high=high / size,
        **{f"spend_{days}": _means(table, days) for days in AGES},
    )
    return table[[column.name for column in COHORTS]]


def tabulate_channels(sums: Sums, new: Mapping[str, NewCustomers]) -> pd.DataFrame:
    """Return what a new customer may cost, by channel and horizon; all customers come first."""
    posterior, columns = sums.question.scorer.posterior, sums.question.channel_columns
    order = sorted(sums.channels.sums, key=lambda channel: (channel != ALL, channel))
    records = sums.channels.table("channel", order).to_dict("records")
    channels = {
        str(row["channel"]): {
            "population": population_name(posterior, columns, str(row["channel"])),
            "cost": row["cost"] / row["has_cost"] if row["has_cost"] else np.nan,
            "customers": int(row["customers"]),
            "second_purchase_rate": row["returned_once"] / row["customers"],
            "first_order": row["first_order_spend"] / row["customers"],
            "spend_365": row["spend_365"] / row["aged_365"] if row["aged_365"] else np.nan,
            "returned_share": row["returned"] / row["sold"] if row["sold"] else 0.0,
        }
        for row in records
    }
    table = tabulate_acquisition(new, channels, sums.question.params.level, sums.question.settings)
    return table[[column.name for column in ACQUISITION]]


def tabulate_offers(sums: Sums) -> tuple[pd.DataFrame, Floats]:
    """Return the list, and the total gain of the selected offers by future."""
    offer, gains = sums.question.settings.offer, np.zeros(sums.question.scorer.draws)
    table = sums.to_win_back.table
    if not len(table):
        return pd.DataFrame(columns=[column.name for column in WIN_BACK]), gains
    table = table.assign(is_selected=spend_budget(table, offer.budget), rank=np.arange(1, len(table) + 1))
    chosen = table[table["is_selected"]].reset_index(drop=True)
    rng = stream(sums.question.params.seed, "decide.gain")
    for block in simulate_blocks(sums.question.scorer, chosen, sums.question.score_params):
        rows = chosen.iloc[block.rows]
        lift, p_purchase = rows["lift"].to_numpy(), rows["p_purchase"].to_numpy()
        gains += simulate_gain(block.purchases, block.clv, lift, p_purchase, offer, rng)
    return table[[column.name for column in WIN_BACK]], gains


def tabulate_listed(listed: Listed, columns: Sequence[Column]) -> pd.DataFrame:
    """Return the listed customers in their order."""
    names = [column.name for column in columns]
    table = listed.table
    return table.assign(rank=np.arange(1, len(table) + 1))[names] if len(table) else pd.DataFrame(columns=names)


def _shares(values: Any) -> Any:
    total = values.sum()
    return values / total if total > 0 else values * 0.0


def _means(table: pd.DataFrame, days: int) -> Any:
    aged = table[f"aged_{days}"]
    return table[f"spend_{days}"] / aged.where(aged > 0)
