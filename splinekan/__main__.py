"""`python -m splinekan` is the `splinekan` command."""

import sys

from splinekan.cli import main

if __name__ == "__main__":
    sys.exit(main())
