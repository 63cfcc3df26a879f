"""Gamma-Gamma: purchases are Gamma(p, nu), and the customers' nu is Gamma(q, v).

Fader, Hardie & Lee (2005), J. of Marketing Research 42; Fader & Hardie (2013), note 025. Two models, which differ in
the likelihood: of customers' mean spends, as in the literature, or of the amounts of single purchases.
"""
