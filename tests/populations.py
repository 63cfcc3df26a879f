"""The models that tests of the BG/NBD family and of the Gamma-Gamma share: names, parameters, bounds."""

from tenure.purchase import MODELS
from tenure.purchase.bg_nbd.spec import BG_NBD
from tenure.spend.gamma_gamma.spec import GAMMA_GAMMA

CHANCES = {name: spec.options["chances"] for name, spec in MODELS.items() if spec.folder == "bg_nbd"}
PURCHASE_MODELS = tuple(CHANCES)
PURCHASE_PARAMETERS, SPEND_PARAMETERS = tuple(BG_NBD.parameters), tuple(GAMMA_GAMMA.parameters)
PARAMETERS = PURCHASE_PARAMETERS + SPEND_PARAMETERS
BOUNDS = {name: parameter.bounds for spec in (BG_NBD, GAMMA_GAMMA) for name, parameter in spec.parameters.items()}
RATE_BOUNDS, SPEND_BOUNDS = BG_NBD.mean.bounds, GAMMA_GAMMA.mean.bounds
