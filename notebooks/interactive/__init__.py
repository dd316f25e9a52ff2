"""Figures of the course with sliders; pictures where there are no sliders.

Each figure is a function `draw(figure, ...)` of numbers, in a module of its own, and `stage.show` puts
sliders beside it.
"""

from interactive.damping import damp_a_step
from interactive.knots import drag_a_knot
from interactive.refinement import refine_a_curve
from interactive.training import step_through_training

__all__ = ["damp_a_step", "drag_a_knot", "refine_a_curve", "step_through_training"]
