"""Studies small enough for a test: the command with other arguments of a study's `run`."""

from dataclasses import replace

from splinekan.studies.registry import STUDIES


def always(monkeypatch, study, **arguments):
    """Have `splinekan study` run a study with these arguments, besides the options."""
    entry = STUDIES[study]
    monkeypatch.setitem(STUDIES, study, replace(entry, arguments={**entry.arguments, **arguments}))
