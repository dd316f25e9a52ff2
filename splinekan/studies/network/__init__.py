"""The figure of a network with the function of every edge."""
