"""Refuse passwords that are easily guessed.

The estimate is zxcvbn's with its 30,000 most common passwords, and with the words that people
in China build passwords of and those of the person's own account.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PASSWORD_LENGTH_MIN = 12
GUESSES_MIN = 10**10
_ESTIMATED_MAX = 72  # characters; the estimate of a longer text takes long
_DIFFERENT_MIN = 6  # characters
_OWN_WORD_MIN = 4  # characters; shorter words are left to the estimate

# Words of leaked lists of Chinese sites, and of this platform.
_WORDS = Path(__file__).with_name("password_words.txt").read_text(encoding="utf-8").split()


def is_guessable(password: str, own: Iterable[str] = ()) -> bool:
    """Return whether a password is short, common, or made of `own` words and patterns.

    `own`: the login, the name and other words of the account.
    """
    plain = unicodedata.normalize("NFKC", password).lower()
    if len(password) < PASSWORD_LENGTH_MIN or len(set(plain)) < _DIFFERENT_MIN:
        return True
    words = [word.lower() for word in own if len(word) > 1]
    if plain in _common() or any(len(word) >= _OWN_WORD_MIN and word in plain for word in words):
        return True
    from zxcvbn import zxcvbn  # noqa: PLC0415 - as below

    found = zxcvbn(plain[:_ESTIMATED_MAX], [*words, *_WORDS], max_length=_ESTIMATED_MAX)
    return bool(found["guesses"] < GUESSES_MIN)


@cache
def _common() -> frozenset[str]:
    # Imported where a password is chosen, which is seldom: its lists take 12 MB of each process.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS  # noqa: PLC0415

    return frozenset(FREQUENCY_LISTS["passwords"])
