"""The command line: `symbackprop COMMAND`, in `commands.main`."""
