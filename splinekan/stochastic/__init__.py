"""Stochastic training: Adam on batches of samples, for data that need not fit in memory."""

from splinekan.stochastic.batches import Batches
from splinekan.stochastic.minibatch import minibatch_training
from splinekan.stochastic.records import Checkpoint, Epoch, EpochHistory, MinibatchResult

__all__ = [
    "Batches",
    "Checkpoint",
    "Epoch",
    "EpochHistory",
    "MinibatchResult",
    "minibatch_training",
]
