"""``python -m aiosymphony.cli``: the same as ``aiosymphony``, if the script is not on the path."""

import sys

from . import main

sys.exit(main())
