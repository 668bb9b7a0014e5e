"""Names that apps go by on our pages. People trust by them, so a name is exactly what it looks like."""

from __future__ import annotations

import unicodedata

MAX_NAME = 200  # characters
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f")  # letters and signs that show nothing


def check_display_name(text: str) -> None:
    """Raise ValueError for a name that is empty, endless, or not what it looks like.

    Refused are control characters, what turns the direction of writing around, what takes no room, and more than two
    marks on one letter.
    """
    if not text.strip() or len(text) > MAX_NAME:
        raise ValueError(f"write text of 1 to {MAX_NAME} characters")
    if any(unicodedata.category(letter) in _INVISIBLE or letter in _FILLERS for letter in text):
        raise ValueError("write text without control characters and without what cannot be seen")
    marks = 0
    for letter in unicodedata.normalize("NFC", text):
        marks = marks + 1 if unicodedata.category(letter) in {"Mn", "Me"} else 0
        if marks > 2:
            raise ValueError("write at most two marks on one letter")
