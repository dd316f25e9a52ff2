"""Reference solutions without closed form, of tested accuracy, computed when they are first used."""
