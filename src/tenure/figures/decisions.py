"""Decisions: value by tier, stages, cohorts, a new customer's curve, offers."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from .prospects import plot_equity, plot_forecast, plot_retention
from .style import ACTUAL, CHAINS, DASHES, DATA, INK, MODEL, STYLE, ends_of, new_canvas, shorten

if TYPE_CHECKING:
    from tenure.decide import Decisions

# Narrower than other figures: on a phone, letters stay readable.
WIDTH, HEIGHT, MOST_COHORTS, MOST_CHANNELS = 6.5, 3.0, 36, 6


def decision_pictures(decisions: "Decisions") -> dict[str, Figure]:
    """Plot the pictures of the page by the name of their section."""
    drawers: dict[str, Callable[[Decisions], Figure]] = {
        "value": _value, "tiers": _tiers, "stages": _stages, "cohorts": _cohorts, "acquisition": _acquisition,
        "win_back": _win_back,
        "forecast": lambda each: plot_forecast(each, _text(each, "forecast"), _numbers(each), partial(_money, each)),
        "retention": lambda each: plot_retention(each, _text(each, "retention")),
        "equity": lambda each: plot_equity(each, _text(each, "equity"), _numbers(each), partial(_money, each)),
    }  # fmt: skip
    with rc_context({**STYLE, "figure.dpi": 160}):
        return {name: drawer(decisions) for name, drawer in drawers.items()}


def _text(decisions: "Decisions", picture: str, **values: str) -> Callable[[str], str]:
    """Return the texts of a picture by name."""
    return lambda name: decisions.question.language.text(f"pictures.{picture}.{name}", **values)


def _numbers(decisions: "Decisions") -> Callable[..., str]:
    """Return the format of numbers in the locale of the page, of ticks too."""
    language = decisions.question.language
    return lambda value, _=None: language.number(value)


def _money(decisions: "Decisions", label: str) -> str:
    """Return the label of an axis of money, with the shop's currency."""
    currency = decisions.question.settings.currency
    return label if currency is None else f"{label}, {currency}".replace("$", r"\$")


def _names(decisions: "Decisions", column: str) -> list[str]:
    """Return the names of tiers or stages."""
    table = decisions.tiers if column == "tier" else decisions.stages
    return [decisions.question.language.name(column, value) for value in table[column]]


def _value(decisions: "Decisions") -> Figure:
    text = _text(decisions, "value")
    figure, (axes,) = new_canvas(width=WIDTH, height=HEIGHT)
    table, margin = decisions.tiers, decisions.question.params.margin
    at = np.arange(len(table))
    past = margin * table["historic_spend"]
    axes.barh(at, past, color=DATA, label=text("so_far"))
    axes.barh(at, table["clv"], left=past, color=MODEL, label=text("expected"))
    axes.hlines(at, past + table["clv_low"], past + table["clv_high"], color=INK, linewidth=2.5)
    axes.set_yticks(at, _names(decisions, "tier"), parse_math=False)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(_numbers(decisions))
    axes.set_xlabel(_money(decisions, text("axis")))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure


def _tiers(decisions: "Decisions") -> Figure:
    text = _text(decisions, "tiers")
    figure, (axes,) = new_canvas(width=WIDTH, height=HEIGHT)
    table = decisions.tiers
    at = np.arange(len(table))
    shares = (
        ("share_of_customers", text("customers"), DATA),
        ("share_of_spend", text("spend"), ACTUAL),
        ("share_of_clv", text("margin"), MODEL),
    )
    for place, (name, label, colour) in enumerate(shares):
        bars = axes.barh(at + 0.27 * (place - 1), 100 * table[name], height=0.25, color=colour, label=label)
        axes.bar_label(bars, fmt="%.0f%%", padding=3, fontsize=9)
    axes.set_yticks(at, _names(decisions, "tier"), parse_math=False)
    axes.set(xlim=(0, 108), xlabel=text("axis"))
    axes.invert_yaxis()
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return figure


def _stages(decisions: "Decisions") -> Figure:
    text = _text(decisions, "stages")
    figure, (axes,) = new_canvas(width=WIDTH, height=HEIGHT)
    table = decisions.stages
    at = np.arange(len(table))
    bars = axes.barh(at, table["customers"], color=DATA, label=text("customers"))
    axes.barh(at, table["expected_buyers"], color=MODEL, label=text("buyers"))
    axes.bar_label(bars, fmt=_numbers(decisions), padding=3, fontsize=9)
    axes.set_yticks(at, _names(decisions, "stage"))
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(_numbers(decisions))
    axes.set_xlabel(text("customers"))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure


def _cohorts(decisions: "Decisions") -> Figure:
    text = _text(decisions, "cohorts")
    figure, (axes,) = new_canvas(width=WIDTH, height=HEIGHT)
    table = decisions.cohorts.tail(MOST_COHORTS)
    at = np.arange(len(table))
    axes.bar(at, 100 * table["never_returned"], color=DATA, label=text("so_far"))
    expected = 100 * table["expected_never_returned"]
    axes.vlines(at, 100 * table["never_returned_low"], 100 * table["never_returned_high"], color=INK, linewidth=1.5)
    axes.plot(at, expected, "o", color=MODEL, markeredgecolor="white", label=text("expected"))
    step = max(len(table) // 12, 1)
    months = [decisions.question.language.month(month) for month in table["cohort"]]
    axes.set_xticks(at[::step], months[::step], rotation=0 if len(table) < 8 else 45)
    axes.set(ylabel=text("axis"), ylim=(0, 100))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure


def _acquisition(decisions: "Decisions") -> Figure:
    text = _text(decisions, "acquisition")
    figure, (axes,) = new_canvas(width=WIDTH, height=HEIGHT + 0.6)
    channels = decisions.acquisition.drop_duplicates("channel")
    new, level = decisions.new_customers[channels["channel"].iloc[0]], decisions.question.params.level
    low, high = np.quantile(new.curve, ends_of(level), axis=0, method="inverted_cdf")
    axes.fill_between(new.days, low, high, color=MODEL, alpha=0.25, linewidth=0)
    axes.plot(new.days, new.curve.mean(axis=0), color=MODEL, label=text("average"))
    own = decisions.own_channels.head(MOST_CHANNELS)
    colours = dict(zip(own["channel"], CHAINS[1:], strict=False))
    for channel, colour in colours.items():
        label = shorten(decisions.question.language.name("channel", channel)).replace("$", r"\$")
        axes.plot(new.days, decisions.new_customers[channel].curve.mean(axis=0), color=colour, label=label)
    costs = (own if len(own) else channels).dropna(subset="acquisition_cost")
    for at, row in enumerate(costs.head(MOST_CHANNELS).to_dict("records")):
        channel = shorten(decisions.question.language.name("channel", row["channel"]))
        label = _text(decisions, "acquisition", channel=channel)("cost").replace("$", r"\$")
        # A channel's cost has the colour of its curve; the costs of one curve differ by their dashes.
        colour, dashes = colours.get(row["channel"], ACTUAL), ":" if colours else DASHES[at % len(DASHES)]
        axes.axhline(row["acquisition_cost"], color=colour, linestyle=dashes, label=label)
    axes.set(xlabel=text("days"), ylabel=_money(decisions, text("axis")), xlim=(0, new.days[-1]))
    axes.set_ylim(bottom=min(0.0, float(low.min())))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return figure


def _win_back(decisions: "Decisions") -> Figure:
    text = _text(decisions, "win_back")
    figure, (axes,) = new_canvas(width=WIDTH, height=HEIGHT)
    table = decisions.win_back[decisions.win_back["observed_rate"].isna()]
    cost = np.cumsum(table["offer_cost"].to_numpy(np.float64))
    gain = np.cumsum(table["offer_gain"].to_numpy(np.float64))
    axes.plot(np.append(0.0, cost), np.append(0.0, gain), color=MODEL, label=text("gain"))
    selected = int(table["is_selected"].astype(bool).sum())
    if selected:
        chosen = table[table["is_selected"].astype(bool)]
        label = _text(decisions, "win_back", offers=_numbers(decisions)(selected))("offers")
        axes.plot(chosen["offer_cost"].sum(), chosen["offer_gain"].sum(), "o", color=ACTUAL, label=label)
    axes.axhline(0.0, color=INK, linewidth=0.8)
    axes.set(xlabel=_money(decisions, text("cost")), ylabel=_money(decisions, text("gain")))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_numbers(decisions))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure
