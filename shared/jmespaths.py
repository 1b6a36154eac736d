"""JMESPath expressions of the configuration: compiled when it is checked, used by intake.

Source: the JMESPath specification, https://jmespath.org/specification.html
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import jmespath
from jmespath.exceptions import JMESPathError, JMESPathTypeError
from jmespath.parser import ParsedResult

JMESPATH_FORMAT: Final = "jmespath"
"""The format of such an expression in JSON Schemas."""


@lru_cache(maxsize=4_096)
def compiled_jmespath(expression: str) -> ParsedResult:
    """Return an expression, ready to be evaluated.

    Raises:
        JMESPathError: its syntax is wrong.
    """
    return jmespath.compile(expression)


def checked_jmespath(expression: str) -> str:
    """Return an expression that can be evaluated.

    Raises:
        ValueError: its syntax is wrong, or it calls a function that there is not.
    """
    try:
        compiled_jmespath(expression).search({})
    except JMESPathTypeError:
        # A function that is given nothing complains of its type; with a body it may be right.
        return expression
    except JMESPathError as error:
        message = f"no JMESPath: {error}"
        raise ValueError(message) from error
    except RecursionError as error:
        message = "the expression is nested too deeply"
        raise ValueError(message) from error
    return expression
