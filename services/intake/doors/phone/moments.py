"""How a moment of a call is named, so that a repetition of it is found."""

from __future__ import annotations

from services.intake.domain.normal import CallProgress
from services.intake.doors.shape import Read
from shared.kernel import digest

KEY_SHOWN_MAX = 200


def moment_read(form: CallProgress, *names: str) -> Read[CallProgress]:
    """Return a moment under a key of the names that tell it from the call's other moments.

    Its content is its key: told again with other details it is still the same moment, and the
    first telling counts.
    """
    key = ":".join((form.call, form.moment.value, *names))
    if len(key) > KEY_SHOWN_MAX or not key.isprintable():
        key = digest(form.call.encode(), form.moment.value.encode(), *(n.encode() for n in names))
    return Read(form=form, content=key.encode(), key=key)
