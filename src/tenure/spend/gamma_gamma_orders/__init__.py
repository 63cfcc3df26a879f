"""Gamma-Gamma on single orders, the first included, whose evidence may fade.

The evidence on a customer's 1 / nu before an order is (c, b): nu is Gamma(1 + c, b), so that the order, Gamma(p, nu),
has the mean p b / c. A new customer has c = q - 1, b = v, as in the Gamma-Gamma. An order z makes it

    c <- delta c + p,    b <- delta b + z.

With delta = 1 nu is constant, and this is Bayes' rule. With delta < 1 earlier orders count less, by delta per order,
and so does the population: a customer's level drifts. The mean p b / c is a martingale, so that one expected spend is
that of all later orders. A first order is f times as large as a later one, so it counts as z / f.
"""
