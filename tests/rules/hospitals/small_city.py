"""A city of three hospitals and seven departments, and a short list of search terms."""

from __future__ import annotations

from functools import cache

from guahao.rules.hospitals.search_terms import SearchTerm, TermFacts, TermKind
from guahao.rules.hospitals.vocabulary import KnownDepartment, KnownHospital, KnownTerm, Vocabulary
from guahao.store.hospitals.search import search_keys, spelled


def hospital(id: int, name: str, name_en: str, district: str, district_en: str) -> KnownHospital:
    """A hospital as it is searched for."""
    keys = search_keys(name, district)
    text = f" {name} {name_en} {district} {district_en} {keys}".lower()
    return KnownHospital(id, f"H{id}", name, name_en, district, district_en, "三级", text)


def department(
    code: str, name: str, name_en: str, parent: tuple[str, str], *hospitals: int
) -> KnownDepartment:
    """A department of these hospitals."""
    text = f" {name} {name_en} {search_keys(name)}".lower()
    places = tuple((id, id * 100) for id in hospitals)
    return KnownDepartment(code, name, name_en, *parent, text, places)


def term(
    id: int,
    kind: TermKind,
    words: tuple[str, ...],
    targets: tuple[str, ...],
    children: tuple[str, ...] = (),
    *,
    urgent: bool = False,
) -> KnownTerm:
    """An entry of the list; `words`: its name, its English name and the others."""
    name, name_en, *also = words
    facts = TermFacts(kind, name, name_en, tuple(also), targets, children, urgent)
    return KnownTerm(SearchTerm(id, facts), tuple(spelled(facts.words)))


FIRST = hospital(1, "安澜市第一人民医院", "Anlan First People's Hospital", "城东区", "Chengdong")
WEST = hospital(2, "城西区人民医院", "Chengxi People's Hospital", "城西区", "Chengxi")
CHILDREN = hospital(3, "安澜市儿童医院", "Anlan Children's Hospital", "城西区", "Chengxi")

_MEDICINE = ("内科", "Internal Medicine")
_WOMEN = ("妇产科", "Obstetrics and Gynaecology")
_EYES = ("眼科", "Ophthalmology")
HEART = department("03.04", "心血管内科", "Cardiology", _MEDICINE, 1, 2)
LUNGS = department("03.01", "呼吸内科", "Respiratory Medicine", _MEDICINE, 1, 2)
PAEDIATRICS = department("07.81", "普通儿科", "General Paediatrics", ("儿科", "Paediatrics"), 1, 3)
BIRTH = department("05.02", "产科", "Obstetrics", _WOMEN, 1)
FAMILY_PLANNING = department("05.03", "计划生育科", "Family Planning", _WOMEN, 2)
EYES = department("10.01", "综合眼科", "General Ophthalmology", _EYES, 1, 2)
CHILDREN_S_EYES = department("10.02", "小儿眼科", "Paediatric Ophthalmology", _EYES, 3)

COUGH = term(
    *(1, TermKind.COMPLAINT, ("咳嗽", "Cough", "干咳")),
    *(("03.01 呼吸内科", "03.04 心血管内科"), ("07.81 普通儿科",)),
)
CHEST_PAIN = term(
    2, TermKind.COMPLAINT, ("胸痛", "Chest pain", "心口疼"), ("03.04 心血管内科",), urgent=True
)
BLURRED = term(3, TermKind.COMPLAINT, ("眼花", "Blurred vision"), ("10.01 综合眼科",))
CONTRACEPTION = term(
    4, TermKind.COMPLAINT, ("避孕", "Contraception"), ("05.03 计划生育科", "05.02 产科")
)
HEART_DOCTOR = term(5, TermKind.DEPARTMENT, ("心脏科", "Heart clinic"), ("03.04 心血管内科",))
EAST = term(6, TermKind.HOSPITAL, ("东方医院", "Orient"), ("H2", "H1"))


@cache
def small_city() -> Vocabulary:
    """Everything above."""
    return Vocabulary(
        (FIRST, WEST, CHILDREN),
        (HEART, LUNGS, PAEDIATRICS, BIRTH, FAMILY_PLANNING, EYES, CHILDREN_S_EYES),
        (EAST, COUGH, CHEST_PAIN, BLURRED, CONTRACEPTION, HEART_DOCTOR),
    )
