"""`heliodesk`: run the product, configure it, look into it.

Exit codes: 0 done; 1 not found or failed; 2 bad input; 3 conflict, somebody was faster; 4 a
service, the broker or the store does not answer; 5 no valid token, or one that may not do this.
"""

from __future__ import annotations

from heliodesk.cli.root import app, main

__all__ = ["app", "main"]
