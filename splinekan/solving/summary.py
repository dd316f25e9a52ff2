"""The text of a solution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from splinekan.solving.solution import Solution


def summary(solution: Solution) -> str:
    """The problem, the network, the accuracy and the warnings of a solution, as text."""
    bounds = zip(solution.variables, solution.bounds, strict=True)
    box = ", ".join(f"{v} in ({a:g}, {b:g})" for v, (a, b) in bounds)
    lines = [f"Solution {', '.join(map(str, solution.unknown))} for {box}"]
    pieces = f", {len(solution.pieces)} pieces" if len(solution.pieces) > 1 else ""
    lines.append(f"  network    {solution.network_name}{pieces}, {solution.n_parameters} parameters")
    if solution.levels:
        slabs = solution.pieces[0].interval is not None
        last = solution.levels[-1]
        worst = solution.levels if slabs else (last,)
        loss, held_out = (max(getattr(each, name) for each in worst) for name in ("loss", "held_out"))
        lines.append(
            f"  residual   {np.sqrt(2 * loss):.1e} (relative; at other points {np.sqrt(2 * held_out):.1e})"
        )
        if np.isfinite(last.change):
            why = "when solved on other points" if slabs else "from the previous level"
            lines.append(f"  change     {last.change:.1e} (relative, {why})")
    for name, value in solution.constants.items():
        error = solution.standard_errors.get(name)
        lines.append(f"  {name:<10} {value:.8g}" + (f" +- {error:.1g}" if error is not None else ""))
    lines.append(f"  time       {solution.seconds:.1f} s, {len(solution.history.loss) - 1} iterations")
    lines += [f"  warning    {text}" for text in solution.warnings]
    return "\n".join(lines)
