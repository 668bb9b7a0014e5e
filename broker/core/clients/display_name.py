"""Names that apps go by on our pages. People trust by them, so a name is exactly what it looks like."""

from __future__ import annotations

import unicodedata

MAX_NAME = 200  # characters
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ALIKE = str.maketrans("авезкмнорстухѕіјԁԛԝьαβεικνορτυχı0135", "abeekmhopctyxsijdqwbabeikvoptuxioles")  # by their looks
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


def fold_name(text: str) -> str:
    """What a name looks like at a glance: two that fold to one are taken for each other.

    Case, spaces, signs and marks do not count, and letters of other alphabets count as the Latin ones they look like.
    """
    bare = "".join(letter for letter in text if unicodedata.category(letter)[0] != "S")
    plain = unicodedata.normalize("NFKD", bare).casefold().translate(_ALIKE)
    return "".join(letter for letter in plain if letter.isalnum()) or text
