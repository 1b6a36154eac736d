"""Who may send bodies to control; `shared.bodies` reads them."""

from __future__ import annotations

from typing import Annotated

from shared.auth import Action, Actor
from shared.bodies import Input, body_of, documented, read_body
from shared.http import allowed

__all__ = ["Configurer", "Input", "Reader", "body_of", "documented", "read_body"]

Configurer = Annotated[Actor, allowed(Action.CONFIGURE)]
"""Who calls, where they may configure. Listed before a body, so that it is asked first."""

Reader = Annotated[Actor, allowed(Action.READ)]
"""Who calls, where they may read."""
