"""Reference solutions that have no closed form, to a tested accuracy, each computed when first used."""
