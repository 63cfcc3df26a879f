"""What a fit requires of customers, and which spend model is fitted to those whose orders are not at hand."""

from tenure.errors import InputError, Reason
from tenure.rfm import CompressedSummary
from tenure.settings import AUTO, DEFAULT_SPEND, FitSettings
from tenure.spend import MODELS as SPEND_MODELS


class FitError(InputError):
    """A customer base that the models cannot be fitted to."""

    reason = Reason.BAD_LOG


def require_spend(customers: int, repeat_buyers: int, paying: int, settings: FitSettings) -> None:
    """Raise FitError for customers of whom nobody paid for a repeat purchase, unless the settings allow it."""
    if not customers:
        raise FitError("There are no customers to fit to.")
    if paying:
        return
    if repeat_buyers:
        nobody = (
            f"None of {repeat_buyers:,} repeat buyers paid for a repeat purchase: the amounts of all repeat purchases "
            "are 0, so there are no data on spend"
        )
        remedy = (
            "If they were paid otherwise, such as by gift cards or credits, name the column with the value of the "
            "goods in transactions.columns.amount, or fill in that value by transactions.query"
        )
    else:
        nobody = f"None of {customers:,} customers bought again, so there are no data on spend on repeat purchases"
        remedy = "Take a longer log or a later rfm.cutoff"
    if settings.no_repeat_buyers == "refuse":
        raise FitError(
            f"{nobody}. {remedy}; or use the prior for the spend with "
            "fit.no_repeat_buyers=prior and a typical purchase value in fit.scale.money."
        )
    if settings.scale.money is None:
        raise FitError(f"{nobody}, and fit.scale.money is not set: set it to the value of a typical purchase.")


def require_orders(base: CompressedSummary, settings: FitSettings) -> None:
    """Raise FitError for a summary without orders where the settings name a spend model of fading evidence."""
    spec = SPEND_MODELS.get(settings.spend_model)
    if spec is None or not spec.is_fading or base.orders is not None:
        return
    raise FitError(
        f"fit.spend_model is {spec.name}, which is fitted to customers' orders one by one, and these {base.customers:,}"
        f" customers are a summary without orders: fit the purchase log, or set fit.spend_model to"
        f" {spec.without_amounts}."
    )


def other_model(model: str, base: CompressedSummary, settings: FitSettings) -> str:
    """Return why another spend model than that of the settings was fitted; empty where it was not."""
    is_auto = settings.spend_model == AUTO
    wanted = SPEND_MODELS[DEFAULT_SPEND if is_auto else settings.spend_model]
    if model == wanted.name or not base.spends.count.size:  # where nobody bought again, any model is its prior
        return ""
    why, single = "the amounts of single purchases are not at hand", base.orders if wanted.on_orders else base.amounts
    if is_auto and settings.segments:
        why = "it does not support fit.segments"
    elif single is not None:
        why = f"no repeat purchase day has an amount of {single.least:g} or more"
    return f"{model}, fitted to mean spends, instead of {wanted.name}: {why}"
