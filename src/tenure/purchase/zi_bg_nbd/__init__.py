"""Zero-inflated BG/NBD: a share of the customers never returns after the first purchase; the others are BG/NBD.

Their repeat purchases are a mixture of a point mass at 0 and the BG/NBD, as in zero-inflated models of counts: Lambert
(1992), Technometrics 34(1). In the BG/NBD alone a one-time buyer is active for ever.
"""
