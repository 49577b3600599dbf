"""What a store that does not answer, or refuses, raises."""

from typing import Final

from sqlalchemy.exc import SQLAlchemyError

try:
    import asyncpg
except ImportError:
    _OF_THE_DRIVER: tuple[type[Exception], ...] = ()
else:
    # A connection that is refused comes as the driver's own error.
    _OF_THE_DRIVER = (asyncpg.InterfaceError, asyncpg.PostgresError)

FAILURES: Final[tuple[type[Exception], ...]] = (SQLAlchemyError, OSError, TimeoutError, *_OF_THE_DRIVER)
