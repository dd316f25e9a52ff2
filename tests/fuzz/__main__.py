"""python -m fuzz: many calls, a table of how they end, and reproducers of those that end badly."""

from fuzz.campaign import main

if __name__ == "__main__":
    raise SystemExit(main())
