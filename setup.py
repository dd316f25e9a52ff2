"""The packages of the wheel: splinekan, and the folder theory/ under the name splinekan_theory."""

from setuptools import find_packages, setup

theory = ["splinekan_theory", *(f"splinekan_theory.{name}" for name in find_packages("theory"))]
setup(
    packages=find_packages(include=["splinekan", "splinekan.*"]) + theory,
    package_dir={"splinekan_theory": "theory"},
)
