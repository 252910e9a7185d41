"""The text of a raw body, safe to show: values of secrets masked, odd characters made visible.

Works on the text, not on a parsed document, so that broken JSON, key=value lines and JSON inside a
string are masked the same way. In doubt it masks more. Every pattern is linear: possessive, and
none is tried twice over the same stretch.
"""

import re
from typing import Final

from signals.parsing.names import is_secret, squash
from signals.parsing.reading import decode_for_display

MASK: Final = "***"

_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_WORD = re.compile(r"(?:[\w.-]|\\u[0-9a-fA-F]{4})++")
_Q = "[\"'\u201c\u201d\u2018\u2019`]"
# What stands between a name and its value: a colon or an equals sign, or two quotes where the
# colon was forgotten. Escaped (JSON inside a string) and percent-encoded ones count too.
_SEPARATOR = re.compile(
    rf"(?:[\s\\+]|{_Q}|%(?:20|22|27))*+(?:[:=>]|%3[AaDd])++(?:[\s+]|%20)*+(?P<open>\\*+{_Q})?+"
    rf"|\\*+{_Q}\s*+(?P<next>\\*+{_Q})"
)
_SPACE = r"(?:\s|\\++[nrt])*+"  # also as it is written inside a string
_QUOTE = {
    quote: re.compile(rf"(\\*+){quote}(?=(\\*+{_Q}?+{_SPACE}(?:[,}}\];&|]|\Z))?)")
    for quote in "\"'\u201c\u201d\u2018\u2019`"
}
_CURLY = {"\u201c": "\u201d", "\u2018": "\u2019"}
_PLAIN_END = re.compile(r"[,;&|\r\n}\]]|\Z")
_BRACKETS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)

_VISIBLE = (
    {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"}
    | {0x7F: 0x2421}
    | {
        code: f"\\u{code:04x}"
        for span in ((0x80, 0x9F), (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x2069))
        for code in range(span[0], span[1] + 1)
    }
    | {0xFEFF: "\\ufeff", 0x061C: "\\u061c"}
)


def mask_secrets(body: bytes) -> str:
    text = decode_for_display(body)
    pieces: list[str] = []
    shown_to = 0
    position = 0
    while found := _WORD.search(text, position):
        position = found.end()
        if not _is_secret(found.group()):
            continue
        separator = _SEPARATOR.match(text, position)
        if separator is None:
            continue
        start = separator.end()
        end = _value_end(text, start, separator["open"] or separator["next"])
        pieces += (text[shown_to:start], MASK)
        shown_to = position = end
    pieces.append(text[shown_to:])
    return "".join(pieces).translate(_VISIBLE)


def _is_secret(word: str) -> bool:
    if "\\" in word:
        word = _ESCAPE.sub(lambda match: chr(int(match.group(1), 16)), word)
    return is_secret(squash(word))


def _value_end(text: str, start: int, opening: str | None) -> int:
    """Where the value ends: at its closing quote, its closing bracket, or the next delimiter."""
    if opening:
        return _quoted_end(text, start, opening)
    if text[start : start + 1] in ("{", "["):
        return _bracket_end(text, start)
    end = _PLAIN_END.search(text, start)
    return end.start() if end else len(text)


def _quoted_end(text: str, start: int, opening: str) -> int:
    """At the next quote that is escaped as the opening one is. Where no delimiter follows it, the
    text is broken, and where the secret ends is anyone's guess: then all the rest is masked."""
    escapes = len(opening) - 1
    quote = _QUOTE[_CURLY.get(opening[-1], opening[-1])]
    for match in quote.finditer(text, start):
        if len(match.group(1)) % (2 * (escapes + 1)) == escapes:
            return match.end() - 1 if match.group(2) is not None else len(text)
    return len(text)


def _bracket_end(text: str, start: int) -> int:
    depth = 0
    for match in _BRACKETS.finditer(text, start):
        first = match.group()[0]
        if first in "[{":
            depth += 1
        elif first in "]}":
            depth -= 1
            if depth == 0:
                return match.end()
    return len(text)
