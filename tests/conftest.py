"""Where machine code is cached, and in which order processes are handed files of tests.

Machine code from edited kernels must never be stale: the cache is named after their sources.
"""

import hashlib
import importlib.util
import os
import tempfile
from pathlib import Path

kernels = Path(__file__).parent.parent / "splinekan" / "kernels"
sources = sorted(kernels.glob("*.py"))
digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources))
os.environ.setdefault(
    "NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"splinekan-tests-{digest.hexdigest()[:16]}")
)

collect_ignore = []
if importlib.util.find_spec("resource") is None:  # on Windows, without limits of memory and signals
    collect_ignore = ["fuzz/test_campaign.py", "test_faults.py", "test_pickles.py"]


def pytest_configure(config):
    """Files go to the processes of pytest-xdist in their order.

    By itself it starts with the files of most tests, so that the campaign of calls, which has few long ones,
    comes last, and one process works while the others wait.
    """
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False
