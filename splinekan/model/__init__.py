"""Models: networks with their parameters, which training returns, and what users do with them."""

from splinekan.model.model import Coarsened, Model
from splinekan.model.record import Choice, FitRecord, Trial

__all__ = ["Choice", "Coarsened", "FitRecord", "Model", "Trial"]
