"""`python -m heliodesk.cli`: the same as `heliodesk`."""

from __future__ import annotations

from heliodesk.cli.root import main

if __name__ == "__main__":
    main()
