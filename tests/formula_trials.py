"""Random trials for the tests of `splinekan.formulas`."""

from splinekan.formulas.trial import Part, SplineEdge, built
from splinekan.network.term import Term
from splinekan.splines.knot_vector import KnotVector

ALONE = (((0,),),)


def spline(rng, p, q, ends=(-1.0, 1.0), intervals=3, degree=3):
    """A random spline edge with its coefficients."""
    knots = KnotVector.uniform(*ends, intervals, degree)
    return SplineEdge(p, q, knots), rng.uniform(-1, 1, knots.n_basis)


def term(rng, p, q, functions=(), fixed=None):
    """A term with random constants, those of logarithms and roots large enough for arguments in [-2, 2]."""
    edge = Term(p, q, functions, fixed)
    values = rng.uniform(0.3, 0.9, len(edge.fixed))
    values[2::2] += 2.5
    return edge, values[[each is None for each in edge.fixed]]


def mixed(rng, n_in=2):
    """Splines, terms, a product of three nodes, a sum of products, fixed constants and biases."""
    first = Part(
        [
            spline(rng, 0, 0),
            term(rng, 1, 0, ("sin",)),
            term(rng, 0, 1, ("square", "log"), (None, 1.0, None, 1.0, None)),
            spline(rng, 1, 1, intervals=2, degree=2),
            term(rng, n_in - 1, 2),
            term(rng, 0, 3, ("sqrt",), (None, 1.0, None)),
            spline(rng, 1, 3),
        ],
        [(0.0, 0.0), (None, 0.7), (None, -0.4), (0.5, 0.5)],
        (((0, 1), (2,)), ((3,), (1, 2, 3)), ((0,),)),
    )
    second = Part(
        [
            term(rng, 0, 0, ("exp",), (None, None, 0.0)),
            spline(rng, 1, 0, (-2.0, 2.0), 2),
            term(rng, 2, 0, ("tanh",), (None, 0.5, None)),
        ],
        [(None, 0.3)],
        ALONE,
    )
    return built([first, second])


def formula(rng):
    """Terms only: exp(a (u v + s)), a product and a sum inside of a function."""
    first = Part(
        [
            term(rng, 0, 0),
            term(rng, 1, 1, ("sin",)),
            term(rng, 0, 2, ("square",), (None, 1.0, None)),
            term(rng, 1, 2),
        ],
        [(None, 0.2), (0.0, 0.0), (None, -0.5)],
        (((0, 1), (2,)),),
    )
    second = Part([term(rng, 0, 0, ("exp",), (None, None, 0.0))], [(None, 0.1)], ALONE)
    return built([first, second])


def points(rng, n=40, n_in=2):
    """Columns in [-1, 1], some of them outside of the knots."""
    return rng.uniform(-1.1, 1.1, (n_in, n))
