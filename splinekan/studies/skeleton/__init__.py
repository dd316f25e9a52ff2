"""What experiments share: tables, records, seeds, options, figures, checkpoints."""
