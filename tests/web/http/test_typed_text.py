"""The same name is the same at registration, in the agent's search and in the verification."""

from __future__ import annotations

import pytest
from tests.city import phone, resident_id
from tests.web.api.test_account_calls import log_in
from tests.web.call_centre.test_calls import agent, search, verify
from tests.web.site import API, CHINESE, ENGLISH, Site, problem

WIDE = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")


@pytest.mark.parametrize(
    ("registered", "stored", "said"),
    [
        ("张　三", "张三", "张三"),
        ("张三", "张三", "张\u200b　三"),
        ("⽅芳", "方芳", "方芳"),
        ("李\U0003157e", "李\U0003157e", "李\U0003157e"),
        ("\ue863一", "䶮一", "䶮一"),
        ("古丽米热.艾比布力", "古丽米热·艾比布力", "古丽米热。艾比布力"),
        ("古丽米热·艾比布力", "古丽米热·艾比布力", "古丽米热艾比布力"),
        ("J. Smith", "J. Smith", "j smith"),
        ("难", "难", "难"),
    ],
)
async def test_a_name_is_registered_found_and_verified(
    site: Site, registered: str, stored: str, said: str
) -> None:
    token = await log_in(site)
    person = {"name": registered, "id_type": "01", "id_no": resident_id(1).translate(WIDE)}
    added = await site.post(f"{API}/patients", token=token, json=person)
    assert added.status_code == 201, added.text
    assert added.json()["name"] == stored
    reader = await agent(site)
    await search(reader, said)
    assert reader.path.startswith("/staff/calls/"), reader.text
    # By what a caller was found they are not verified.
    await search(reader, phone(1))
    answered = await verify(reader, document=resident_id(1).translate(WIDE), name=said)
    assert "已核实来电人" in answered


@pytest.mark.parametrize(
    ("name", "chinese", "english"),
    [
        (
            "李\ue000",
            "（U+E000）是个别系统的自造字",
            "(U+E000), because only some systems",
        ),
        ("张三1", "姓名里不能有数字“1”", "can't contain the number “1”"),
        ("古丽米热，艾比布力", "用“·”", "“·”"),
        ("张三-", "不能以“-”开头或结尾", "begin or end with “-”"),
        ("王" * 51, "最多50个字", "at most 50 characters"),
    ],
)
async def test_a_refused_name_says_what_to_write(
    site: Site, name: str, chinese: str, english: str
) -> None:
    token = await log_in(site)
    person = {"name": name, "id_type": "01", "id_no": resident_id(1)}
    for language, sentence in ((CHINESE, chinese), (ENGLISH, english)):
        answer = await site.post(f"{API}/patients", token=token, json=person, headers=language)
        assert sentence in problem(answer, 422, "name_invalid")
