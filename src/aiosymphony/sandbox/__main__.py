"""`python -m aiosymphony.sandbox`."""

import sys

from .serve import main

sys.exit(main())
