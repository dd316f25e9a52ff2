"""The common parts of experiments: tables, records, seeds, options, figures, checkpoints."""
