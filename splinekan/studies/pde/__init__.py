"""The gallery of differential equations by `solve`, beside the records."""
