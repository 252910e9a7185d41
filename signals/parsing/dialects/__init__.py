"""The dialects, in the order in which they are tried; the first that recognises an alert reads it.

A new dialect is one module here and one line below. Text dialects see only what is not JSON.
"""

from signals.parsing.dialects import conviction, simple, tradingview
from signals.parsing.dialects.base import ObjectDialect, TextDialect

OBJECT_DIALECTS: tuple[ObjectDialect, ...] = (
    tradingview.DIALECT,
    conviction.DIALECT,
    simple.DIALECT,  # recognises everything, so it stays last
)
TEXT_DIALECTS: tuple[TextDialect, ...] = ()

__all__ = ["OBJECT_DIALECTS", "TEXT_DIALECTS", "ObjectDialect", "TextDialect"]
