"""The entry point of `python -m symbackprop`, which runs the command line."""

import sys

from symbackprop.cli.commands import main

if __name__ == "__main__":  # processes that answer for the live page import this module
    sys.exit(main())
