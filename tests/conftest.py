"""Machine code from edited kernels must never be stale: the cache is named after their sources."""

import hashlib
import os
import tempfile
from pathlib import Path

kernels = Path(__file__).parent.parent / "splinekan" / "kernels"
sources = sorted(kernels.glob("*.py"))
digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources))
os.environ.setdefault(
    "NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"splinekan-tests-{digest.hexdigest()[:16]}")
)
