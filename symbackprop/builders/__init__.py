"""Well-known networks, said through `Network` like any other."""
