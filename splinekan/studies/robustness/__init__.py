"""Success of successive halving over seeds, angles and targets."""
