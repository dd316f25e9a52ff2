"""The toy: exp(sin(pi x) + y^2) to six digits."""
