"""Spline layers: a univariate spline on every edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import ArrayLike

from splinekan._arrays import floats, viewable
from splinekan._checks import (
    Array,
    affordable,
    boolean,
    instance,
    integer,
    one_of,
    sequence,
    shown,
    spline_degree,
)
from splinekan.network.activation import Activation
from splinekan.network.affine import Affine
from splinekan.network.domains import Interval, shown_intervals
from splinekan.network.layer import BASES, Directions, entering, entering_jets
from splinekan.network.parts import Activated, Part, Sum
from splinekan.network.periodic_part import PeriodicPart
from splinekan.network.slot import Slot
from splinekan.network.spline_parts import ReLUPart, SplinePart
from splinekan.operators.coordinates import EdgeMap, Piece
from splinekan.splines.change_of_basis import change_of_basis
from splinekan.splines.knot_vector import KnotVector, knot_vector
from splinekan.splines.pp_form import EXTRAPOLATIONS, highest_derivative
from splinekan.splines.prolongation import prolongation

BASES_OF_BRANCH = ("identity", "silu")
