"""Experiments, a folder for each: `study.run(...)` gives a table and a record, `figure` draws."""
