"""Invented people: no name, document or phone of them is anybody's.

The documents' check digits hold and the province exists, but its prefecture (99) does not, so
that no number is anybody's; everybody's name says that it is an example (示例).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from stdnum.cn import ric

_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔曹严华金魏陶姜谢邹"
_GIVEN = "安宁和平康乐明朗清越知行思远文博雅静子涵云舒月晴星河山川林森松柏竹兰梅菊"
_FIRST_BIRTHDAY = date(1938, 1, 1)
_BIRTHDAYS = (date(2024, 12, 31) - _FIRST_BIRTHDAY).days
_SEED = "people"
# A province, so that the number is valid, and a prefecture that it does not have.
NOWHERE = "1199"


@dataclass(frozen=True, slots=True)
class Person:
    """A name and a resident ID (type 01) that pass every check and belong to nobody."""

    name: str
    id_no: str


def people(count: int) -> Iterator[Person]:
    """Yield `count` persons, each with a document of its own; the same ones every time."""
    random = Random(_SEED)
    seen: set[str] = set()
    while len(seen) < count:
        birthday = _FIRST_BIRTHDAY + timedelta(days=random.randrange(_BIRTHDAYS))
        id_no = resident_id(
            f"{NOWHERE}{random.randint(1, 16):02d}", birthday, random.randrange(1000)
        )
        if id_no not in seen:
            seen.add(id_no)
            yield Person(f"{random.choice(_SURNAMES)}示例{random.choice(_GIVEN)}", id_no)


def resident_id(region: str, birthday: date, sequence: int) -> str:
    """Return a resident ID with its check digit. `region` has six digits, `sequence` three."""
    body = f"{region}{birthday:%Y%m%d}{sequence:03d}"
    return body + str(ric.calc_check_digit(body + "0"))


def phone(number: int) -> str:
    """Return the invented mobile number of an invented account, as +86 and eleven digits."""
    return f"+86199{number:08d}"
