"""Published relative l2 errors of neural networks, with hardware and source.

"As reported" marks numbers that are known to us only at second hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

WEBB = "Webb, Jerad & Cartis, arXiv:2607.02194"
H100 = "NVIDIA H100"


@dataclass(frozen=True)
class Record:
    """An error and its source."""

    error: float
    hardware: str
    source: str
    seconds: float | None = None

    def fields(self) -> dict[str, Any]:
        """The fields of a `Problem`."""
        return {
            "record": self.error,
            "record_seconds": self.seconds,
            "record_hardware": self.hardware,
            "record_source": self.source,
        }


BURGERS = Record(7.97e-14, H100, f"{WEBB}, README of the code", 346.1)
STEEP_BURGERS = Record(8e-9, "a GPU, unstated", "vRBA, Toscano et al., arXiv:2509.14198, as reported")
ALLEN_CAHN = Record(
    9.4e-7, "a GPU, unstated", "SSBroyden, 2,019 parameters, Kiyani et al., arXiv:2501.16371, as reported"
)
HELMHOLTZ = Record(
    2.0e-9,
    "a GPU, 251 to 540 s",
    "SPRING, 2,971 parameters, Jnini et al., arXiv:2604.05230, as reported; SSBroyden 3.6e-9",
)
KORTEWEG_DE_VRIES = Record(8.2e-11, H100, f"{WEBB}, as reported")
KURAMOTO_SIVASHINSKY = Record(5.1e-7, H100, f"{WEBB}, as reported", 5227.0)
CAVITY = Record(1.1e-4, H100, f"{WEBB}, as reported", 403.0)
POISSON_5 = Record(3e-16, H100, f"{WEBB}, abstract")
POISSON_10 = Record(6e-12, H100, f"{WEBB}, as reported")
