"""One module per experiment: run(...) gives a result that prints its table and draws its figure."""
