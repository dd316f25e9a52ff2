"""python -m fuzz: many calls, a table of how they end, and reproducers of those that end badly."""

import conftest  # noqa: F401 - names the cache of machine code

from fuzz.campaign import main

if __name__ == "__main__":
    raise SystemExit(main())
