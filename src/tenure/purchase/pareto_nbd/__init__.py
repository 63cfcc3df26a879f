"""Pareto/NBD: Poisson purchases; a customer may leave at any time.

Schmittlein, Morrison & Colombo (1987), Management Science 33(1); Fader & Hardie (2005), note 009.
"""
