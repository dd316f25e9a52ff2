"""Networks of other libraries as models: pykan and efficient-kan."""

from splinekan.interop.efficient_kan import from_efficient_kan
from splinekan.interop.pykan import from_pykan

__all__ = ["from_efficient_kan", "from_pykan"]
