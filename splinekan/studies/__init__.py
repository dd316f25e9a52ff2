"""Experiments, a folder for each: `study.run(...)` returns a table and a record, `figure` draws them."""
