"""Numbers that commands take."""

import math
from typing import Any

import click


class Number(click.FloatRange):
    """A number in a range; ``nan`` is in every range of click's."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no number", param, ctx)
        return float(number)
