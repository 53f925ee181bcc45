"""`python -m symbackprop` is the command line."""

import sys

from symbackprop.cli.commands import main

sys.exit(main())
