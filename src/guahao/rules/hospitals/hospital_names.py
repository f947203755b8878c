"""What people call a hospital: 一院, 市一医院, 城东妇幼, 医大附一, 中医院."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

_CITY = re.compile("^[^区县]{2,4}?[市省]")
_DISTRICT = re.compile("^(?P<name>[^区县]{1,4})(?P<kind>[区县])(?P<rest>.+)$")
_CAMPUS = re.compile("^(?P<main>.*?(?:医院|保健院|中心))(?P<campus>.{1,8}(?:院区|分院|院|部))$")
_NUMBER = "一二三四五六七八九十"
_NUMBERED = re.compile(f"^第(?P<n>[{_NUMBER}]+)(?P<rest>人民医院|医院|中心医院)$")
_AFFILIATED = re.compile(
    f"^(?P<school>.+?)附属(?:第(?P<n>[{_NUMBER}]+))?(?P<kind>.*?)(?P<end>医院)$"
)
# What a kind of hospital is called besides its name.
_KINDS = {
    "人民医院": ("人民",),
    "妇幼保健院": ("妇幼", "妇保院", "妇幼院", "妇幼医院", "保健院", "妇幼保健"),
    "妇产医院": ("妇产", "产院", "妇产科医院", "妇科医院", "妇产院", "产科医院", "妇女医院"),
    "中医医院": ("中医院",),
    "中西医结合医院": ("中西医院", "中西医结合", "中西医"),
    "精神卫生中心": ("精卫中心", "精卫", "精神病院", "精神病医院", "精神医院", "精神专科医院"),
    "感染病医院": ("传染病医院", "传染病院", "传染医院", "感染医院"),
    "口腔医院": ("牙科医院", "牙医院", "口腔科医院", "牙病医院"),
    "眼科医院": ("眼医院", "眼病医院", "眼院"),
    "耳鼻咽喉医院": ("耳鼻喉医院", "耳鼻喉科医院", "五官科医院", "五官医院"),
    "儿童医院": ("儿医", "儿科医院", "小儿医院", "少儿医院"),
    "肿瘤医院": ("癌症医院", "肿瘤病医院", "肿瘤科医院"),
    "胸科医院": ("胸院", "肺科医院", "结核病医院", "肺病医院"),
    "骨科医院": ("骨医院", "骨伤医院", "骨伤科医院"),
    "皮肤病医院": ("皮肤医院", "皮肤科医院", "皮防所", "皮肤病防治所"),
    "老年病医院": ("老年医院", "老人医院", "老年科医院"),
    "心血管病医院": ("心血管医院", "心脏病医院", "心脏医院", "心血管"),
    "肾病医院": ("肾脏病医院", "肾科医院", "肾医院"),
    "康复医院": ("康复中心",),
    "针灸推拿医院": ("针灸医院", "推拿医院", "针推医院"),
    "职工医院": ("工人医院",),
    "铁路医院": ("铁医", "铁路中心医院"),
}
_KINDS_ENGLISH = {
    "children": ("kids hospital", "pediatric hospital", "childrens hospital"),
    "stomatological": (
        "dental hospital", "dentist hospital", "stomatology hospital", "oral hospital",
    ),
    "obstetrics and gynaecology": (
        "maternity hospital", "womens hospital", "obgyn hospital", "women hospital",
    ),
    "maternal and child": ("maternity and child hospital", "women and children hospital"),
    "traditional chinese medicine": ("tcm hospital", "chinese medicine hospital"),
    "integrated medicine": ("integrated hospital", "integrative medicine hospital"),
    "eye": ("ophthalmology hospital", "eyes hospital"),
    "cancer": ("oncology hospital", "tumor hospital"),
    "cardiovascular": ("heart hospital", "cardiac hospital", "cardiology hospital"),
    "chest": ("lung hospital", "thoracic hospital"),
    "infectious diseases": ("infection hospital", "infectious disease hospital"),
    "skin": ("dermatology hospital",),
    "orthopaedic": ("bone hospital", "orthopedics hospital"),
    "mental health": ("mental hospital", "psychiatric hospital", "psychiatry hospital"),
    "geriatric": ("elderly hospital", "geriatrics hospital"),
    "ear, nose and throat": ("ent hospital",),
    "rehabilitation": ("rehab hospital",),
    "kidney": ("nephrology hospital", "renal hospital"),
    "acupuncture": ("acupuncture hospital",),
}  # fmt: skip


@lru_cache(4096)
def called(name: str, name_en: str = "") -> tuple[frozenset[str], frozenset[str]]:
    """Return what a hospital is called, and what may as well mean another: 二院 of a district.

    Of the normalised name (`search_text`); Chinese names without spaces.
    """
    plain = name.replace(" ", "")
    local = _CITY.sub("", plain)
    city = plain.removesuffix(local)
    campus = _CAMPUS.match(local)
    main, where = (campus["main"], campus["campus"]) if campus else (local, "")
    district = _DISTRICT.match(main)
    own, also, full = {plain, local}, set[str](), ""
    if district:
        shorts = set(_short(district["rest"]))
        full = f"{district['name']}{district['kind']}"
        mains = {f"{begin}{short}" for short in shorts for begin in (district["name"], full)}
        if district["rest"] == "人民医院":
            mains |= {f"{district['name']}医院", f"{full}医院"}
        also |= shorts
    else:
        mains = {f"{begin}{short}" for short in _short(main) for begin in ("", "市", city)}
        mains |= {f"{city[:-1]}{short}" for short in _short(main) if city}
    if where:
        names = {where, where.removesuffix("院区"), where.removesuffix("区")}
        own |= {f"{short}{part}" for short in mains for part in names if part}
        also |= mains
    else:
        # 市口腔, 城东中医; 口腔 and 中医 alone are rather a department.
        begins = (district["name"], full) if district else ("市", city)
        kind = (district["rest"] if district else main).removesuffix("医院")
        own |= mains | {f"{begin}{kind}" for begin in begins if begin}
    english = name_en.casefold()
    for kind, others in _KINDS_ENGLISH.items():
        if kind in english:
            also |= {*others, f"{kind} hospital"}
    return frozenset(own), frozenset(also - own)


def _short(name: str) -> Iterator[str]:
    """Yield a name and what is said for it, without city and district."""
    yield name
    for kind, others in _KINDS.items():
        if name == kind:
            yield from others
    numbered = _NUMBERED.match(name)
    if numbered:
        for n in _written(numbered["n"]):
            yield from (f"{n}院", f"{n}医院", f"第{n}医院", f"第{n}{numbered['rest']}")
            yield from (f"{n}{numbered['rest']}", f"人民{n}院")
    affiliated = _AFFILIATED.match(name)
    if affiliated:
        for begin in ("", affiliated["school"], "医大", "医科大学", "医科大", "医学院"):
            yield from (f"{begin}{short}" for short in _affiliated(affiliated, begin))


def _affiliated(name: re.Match[str], school: str) -> Iterator[str]:
    """Yield what a school's hospital is called after the school: 附一, 一附院, 附属第一医院."""
    kind = name["kind"]
    if not name["n"]:
        yield from (f"附属{kind}医院", f"附属{kind}", f"附{kind}院", f"{kind}附院")
        return
    for n in _written(name["n"]):
        yield from (f"附{n}", f"附{n}院", f"{n}附院", f"{n}附", f"附属{n}院", f"附属第{n}医院")
        yield from (f"第{n}附属医院", f"附属{n}医院", f"附{n}医院", f"{n}附属医院")
        if school:
            yield from (f"{n}院", f"第{n}医院")


def _written(n: str) -> tuple[str, ...]:
    """Return a number as it is written: 一, 1."""
    return (n, str(_NUMBER.index(n) + 1)) if n in _NUMBER else (n,)
