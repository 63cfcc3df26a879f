"""A campaign: effects of arms and segments with their ranges, and what a plan could find."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.figure import Figure

from .style import ACTUAL, DATA, INK, MODEL, STYLE, new_canvas, shorten

if TYPE_CHECKING:
    from tenure.campaign import Campaign

WIDTH, MOST_ROWS = 6.5, 24


def campaign_pictures(campaign: "Campaign") -> dict[str, Figure]:
    """Plot the pictures of the page by the name of their section."""
    with rc_context({**STYLE, "figure.dpi": 160}):
        if campaign.kind == "plan":
            return {"plan": _plan(campaign)}
        table = campaign.campaign[campaign.campaign["outcome"] == "margin"]
        pictures = {"effect": _forest(campaign, table, [str(arm) for arm in table["arm"]])}
        if len(campaign.by_segment):
            segments = campaign.by_segment[campaign.by_segment["outcome"] == "margin"].dropna(subset="effect")
            labels = [f"{row['value']}, {row['arm']}" for row in segments.to_dict("records")]
            if len(segments):
                pictures["segments"] = _forest(campaign, segments[:MOST_ROWS], labels[:MOST_ROWS])
        return pictures


def _label(campaign: "Campaign", key: str) -> str:
    currency, text = campaign.question.settings.currency, campaign.question.language.text(f"campaign.pictures.{key}")
    return text if currency is None else f"{text}, {currency}".replace("$", r"\$")


def _tick(campaign: "Campaign", decimals: int = 2) -> Any:
    language = campaign.question.language
    return lambda value, _: language.number(value, decimals)


def _forest(campaign: "Campaign", table: pd.DataFrame, labels: list[str]) -> Figure:
    """Plot effects with their ranges, and the joint ones as thin lines."""
    figure, (axes,) = new_canvas(width=WIDTH, height=1.3 + 0.42 * len(table))
    at = np.arange(len(table))
    axes.axvline(0.0, color=DATA, linewidth=1.5)
    if "joint_low" in table:
        axes.hlines(at, table["joint_low"], table["joint_high"], color=INK, linewidth=1.0)
    axes.hlines(at, table["effect_low"], table["effect_high"], color=MODEL, linewidth=4.0)
    axes.plot(table["effect"], at, "o", color=ACTUAL, markeredgecolor="white", markersize=8)
    axes.set_yticks(at, [shorten(label) for label in labels], parse_math=False)
    axes.set_ylim(len(table) - 0.4, -0.6)
    ends = table[["effect_low", "effect_high"]].abs().to_numpy().max()
    axes.xaxis.set_major_formatter(_tick(campaign, 0 if ends >= 20 else 2))
    axes.set_xlabel(_label(campaign, "axis" if campaign.kind == "control" else "alone_axis"))
    return figure


def _plan(campaign: "Campaign") -> Figure:
    """Plot the smallest effect against the number of customers, with and without the adjustment."""
    figure, (axes,) = new_canvas(width=WIDTH, height=3.2)
    table = campaign.campaign
    row = table[(table["outcome"] == "margin") & (table["source"] == "simulated")].iloc[0]
    size = row["customers"] + row["control_customers"]
    sizes = np.geomspace(0.2 * size, 5.0 * size, 60)
    axes.plot(sizes, row["raw_smallest_effect"] * np.sqrt(size / sizes), color=INK, linestyle="--", linewidth=1.2)
    axes.plot(sizes, row["smallest_effect"] * np.sqrt(size / sizes), color=MODEL)
    axes.plot(size, row["smallest_effect"], "o", color=ACTUAL, markeredgecolor="white", markersize=9)
    axes.set(xscale="log", ylim=(0, None), xlabel=campaign.question.language.text("campaign.pictures.customers"))
    axes.set_xticks([size / 5, size, 5 * size])
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(_tick(campaign, 0))
    axes.yaxis.set_major_formatter(_tick(campaign))
    axes.set_ylabel(_label(campaign, "plan_axis"))
    return figure
