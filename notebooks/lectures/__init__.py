"""Slides for the twelve lectures, made from the notebooks: the modules behind `slides.py`."""
