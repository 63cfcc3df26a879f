"""Campaigns: treated against a randomised control, or against the forecast alone; and their plan.

`customers` reads and checks the table of a campaign's customers, `panel` adds what the model expected of each at the
start and what happened. `estimate` compares two arms; `measure` all arms and segments with the control; `forecast`
arms with the forecast; `plan` computes what could be found. `results` runs these steps.
"""

from .customers import CampaignError
from .results import ALONE, CONTROLLED, PLANNED, Campaign, Question, check_customers, measure_campaign, plan_campaign

__all__ = [
    "ALONE",
    "CONTROLLED",
    "PLANNED",
    "Campaign",
    "CampaignError",
    "Question",
    "check_customers",
    "measure_campaign",
    "plan_campaign",
]
