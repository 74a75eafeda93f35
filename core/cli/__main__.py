"""`python -m core.cli` is `autotuner`."""

import sys

from core.cli import main

sys.exit(main())
