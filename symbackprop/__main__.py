"""The entry point of `python -m symbackprop`, which runs the command line."""

import sys

from symbackprop.cli.commands import main

sys.exit(main())
