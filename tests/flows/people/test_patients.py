"""A person is registered with a name and a document: once, and two to a phone (S2, S3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.city import Clock, add_account, add_patient, ask, open_platform, resident_id

from guahao.flows.kernel.platform import Platform
from guahao.flows.people.patients import register_in, register_patient
from guahao.rules.kernel.outcomes import Refused
from guahao.rules.kernel.text import NameFault, NameFaultKind
from guahao.rules.people.identity import valid_document
from guahao.rules.people.registering import PatientRefusal
from guahao.store.kernel.views import PatientView


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[Platform]:
    async with open_platform(database_url, Clock()) as platform:
        yield platform


async def test_a_registered_patient_is_shown_as_registered(platform: Platform) -> None:
    account_id = await add_account(platform)
    number = "１１０１０５１９４９１２３１００２ｘ"
    added = await register_patient(platform, account_id, " 张三 ", "01", number)
    assert isinstance(added, PatientView)
    assert (added.name, added.id_type, added.id_no) == ("张三", "01", "11010519491231002X")
    assert added.suspended_until is None


async def test_the_third_patient_of_a_phone_is_refused(platform: Platform) -> None:
    account_id = await add_account(platform)
    await add_patient(platform, account_id, 1)
    await add_patient(platform, account_id, 2)
    third = await register_patient(platform, account_id, "王五", "01", resident_id(3))
    assert third == Refused(PatientRefusal.PHONE_LIMIT)
    await add_patient(platform, await add_account(platform, 2), 3)


async def test_a_person_is_registered_once(platform: Platform) -> None:
    await add_patient(platform, await add_account(platform, 1), 1)
    other = await add_account(platform, 2)
    again = await register_patient(platform, other, "张三", "01", resident_id(1))
    assert again == Refused(PatientRefusal.NOT_REGISTERED)
    # The refused one has taken no place.
    await add_patient(platform, other, 2)
    await add_patient(platform, other, 3)


@pytest.mark.parametrize(
    "numbers",
    [
        [("03", "E12345678"), ("99", "E12345678"), ("03", "e-1234 5678")],
        [("01", resident_id(1)), ("02", resident_id(1)), ("99", resident_id(1))],
        [("06", "H12345678"), ("06", "H1234567801"), ("03", "H12345678")],
        [("07", "12345678"), ("07", "1234567802(B)"), ("99", "12345678")],
    ],
)
async def test_no_type_or_way_of_writing_makes_another_person(
    platform: Platform, numbers: list[tuple[str, str]]
) -> None:
    first, *others = numbers
    registered = await register_patient(platform, await add_account(platform), "王宝", *first)
    assert isinstance(registered, PatientView)
    for number, other in enumerate(others, start=2):
        account_id = await add_account(platform, number)
        document = valid_document(*other, Clock().now.date())
        assert document is not None
        async with platform.db.transaction() as tx:  # at a counter, where every type is taken
            answer = await register_in(tx, platform, account_id, "王宝", document)
        assert answer == Refused(PatientRefusal.ID_TAKEN)


async def test_the_first_reason_is_the_answer(platform: Platform) -> None:
    account_id = await add_account(platform)
    await add_patient(platform, account_id, 1)
    taken = resident_id(1)

    async def refusal(name: str, id_no: str) -> object:
        return await register_patient(platform, account_id, name, "01", id_no)

    assert await refusal("李四", taken) == Refused(PatientRefusal.OTHER_NAME)
    await add_patient(platform, account_id, 2)
    assert await refusal("李四", resident_id(3)) == Refused(PatientRefusal.PHONE_LIMIT)
    assert await refusal("李四", "110101199003070010") == Refused(PatientRefusal.ID_INVALID)
    assert await refusal("4", "110101199003070010") == NameFault(NameFaultKind.DIGIT, character="4")


async def test_registrations_at_once_never_exceed_two_a_phone(platform: Platform) -> None:
    account_id = await add_account(platform)
    answers = await asyncio.gather(
        *(
            register_patient(platform, account_id, "张三", "01", resident_id(number))
            for number in range(8)
        )
    )
    assert sum(isinstance(answer, PatientView) for answer in answers) == 2
    assert answers.count(Refused(PatientRefusal.PHONE_LIMIT)) == 6


async def test_one_person_at_many_phones_at_once_is_registered_once(platform: Platform) -> None:
    account_ids = [await add_account(platform, number) for number in range(6)]
    answers = await asyncio.gather(
        *(
            register_patient(platform, account_id, "张三", "01", resident_id(1))
            for account_id in account_ids
        )
    )
    assert sum(isinstance(answer, PatientView) for answer in answers) == 1
    assert answers.count(Refused(PatientRefusal.NOT_REGISTERED)) == 5


async def test_an_account_that_is_not_there_has_no_patients(platform: Platform) -> None:
    with pytest.raises(LookupError):
        await register_patient(platform, 1, "张三", "01", resident_id(1))


async def test_name_and_number_are_sealed(platform: Platform) -> None:
    await add_patient(platform, await add_account(platform))
    [(name, number, index)] = await ask(
        platform, "SELECT name_enc, id_no_enc, id_no_index FROM patients"
    )
    assert "张三".encode() not in name
    assert resident_id(1).encode() not in number + index
