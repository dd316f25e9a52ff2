"""Sums over samples on the workers of a Dask cluster."""

from splinekan.distributed.errors import ClusterLost, IncompleteSum, SchedulerLost, WorkersLost
from splinekan.distributed.executor import DaskExecutor
from splinekan.distributed.shards import ShardedArray

__all__ = ["ClusterLost", "DaskExecutor", "IncompleteSum", "SchedulerLost", "ShardedArray", "WorkersLost"]
