"""Sums over samples on the workers of a Dask cluster."""

from splinekan.distributed.errors import (
    ClusterError,
    IncompleteSumError,
    SchedulerLostError,
    WorkersLostError,
)
from splinekan.distributed.executor import DaskExecutor
from splinekan.distributed.shards import ShardedArray

__all__ = [
    "ClusterError",
    "DaskExecutor",
    "IncompleteSumError",
    "SchedulerLostError",
    "ShardedArray",
    "WorkersLostError",
]
