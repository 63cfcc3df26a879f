"""Zero-inflated BG/NBD: the BG/NBD's parameters, and the share of customers who never return."""

from ...model_spec import Parameter, Quantity, Spec
from ..bg_nbd.spec import BG_NBD

ONE_TIME_BUYERS = (
    "In the zero-inflated BG/NBD model a share of the customers (pi0) never returns after the first purchase, so that "
    "customers who bought on one day only may have left: the longer their silence, the likelier."
)

ZI_BG_NBD = Spec(
    "zi_bg_nbd",
    "Zero-inflated BG/NBD",
    "zi_bg_nbd",
    # With pi0 = 0 it is the BG/NBD.
    {
        **BG_NBD.parameters,
        "pi0": Parameter((0.0, 1.0 - 1e-9), "share of customers who never return", (0.0, 0.999)),
    },
    {
        **BG_NBD.quantities,
        "one_and_done": Quantity("share of customers who never return after the first purchase", is_share=True),
    },
    scaled=BG_NBD.scaled,
    start=(*BG_NBD.start, 0.2),
    mean=BG_NBD.mean,
    segment_effects=BG_NBD.segment_effects,
    notes=(ONE_TIME_BUYERS,),
)
