"""Personal data at rest opens in its own place only, and is found without being opened."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guahao.store.kernel.vault import Vault, VaultError

SECRET = "a secret key for these tests alone"
VAULT = Vault(SECRET)
PLACE = ("patients", "name", 7)
NAME = "张三"


def sealed() -> bytes:
    return VAULT.seal(*PLACE, NAME)


@pytest.mark.parametrize("text", [NAME, "", "Ada Lovelace", "é\u0000\n", "长" * 10_000])
def test_what_was_sealed_opens_in_its_place(text: str) -> None:
    assert VAULT.open(*PLACE, VAULT.seal(*PLACE, text)) == text


def test_another_process_with_the_same_secret_opens_it() -> None:
    assert Vault(SECRET).open(*PLACE, sealed()) == NAME


@pytest.mark.parametrize(
    ("table", "column", "row"),
    [
        ("patients", "name", 8),
        ("patients", "name", -7),
        ("patients", "id_no", 7),
        ("accounts", "name", 7),
        ("patients", "name.7", 7),
        ("", "", 7),
    ],
)
def test_copied_to_another_place_it_does_not_open(table: str, column: str, row: int) -> None:
    with pytest.raises(VaultError, match="does not open"):
        VAULT.open(table, column, row, sealed())


def test_another_secret_does_not_open_it() -> None:
    with pytest.raises(VaultError, match="unknown key id"):
        Vault(SECRET + "!").open(*PLACE, sealed())
    with pytest.raises(VaultError, match="does not open"):
        Vault(SECRET + "!").open(*PLACE, b"\x01" + sealed()[1:])


def test_any_changed_bit_is_noticed() -> None:
    box = sealed()
    for place in range(1, len(box)):
        tampered = box[:place] + bytes([box[place] ^ 1]) + box[place + 1 :]
        with pytest.raises(VaultError, match="does not open"):
            VAULT.open(*PLACE, tampered)


def test_cut_or_lengthened_it_does_not_open() -> None:
    box = sealed()
    for length in range(len(box)):
        with pytest.raises(VaultError):
            VAULT.open(*PLACE, box[:length])
    with pytest.raises(VaultError):
        VAULT.open(*PLACE, box + b"\x00")


@pytest.mark.parametrize("key_id", [0, VAULT.key_id - 1, VAULT.key_id % 254 + 2])
def test_a_key_that_is_not_known_is_named(key_id: int) -> None:
    with pytest.raises(VaultError, match=f"unknown key id {key_id}"):
        VAULT.open(*PLACE, bytes([key_id]) + sealed()[1:])


def test_the_first_byte_is_the_key_s_id() -> None:
    assert sealed()[0] == VAULT.key_id
    assert VAULT.key_id > 1


def test_what_was_sealed_before_keys_had_fingerprints_opens() -> None:
    assert VAULT.open(*PLACE, b"\x01" + sealed()[1:]) == NAME
    assert Vault(SECRET + "!", [SECRET]).open(*PLACE, b"\x01" + sealed()[1:]) == NAME


def test_with_the_old_key_beside_the_new_one_both_open_and_are_found() -> None:
    new = Vault(SECRET + "!", [SECRET])
    assert new.open(*PLACE, sealed()) == NAME
    assert new.seal(*PLACE, NAME)[0] == Vault(SECRET + "!").key_id != VAULT.key_id
    found = [vault.index("name", NAME) for vault in (Vault(SECRET + "!"), VAULT)]
    assert new.indexes("name", NAME) == found
    assert new.index("name", NAME) == found[0]


def test_two_keys_of_one_id_are_refused() -> None:
    clash = next(
        key for key in (f"key {n}" for n in range(10_000)) if Vault(key).key_id == VAULT.key_id
    )
    with pytest.raises(ValueError, match="choose another"):
        Vault(clash, [SECRET])


def test_no_complaint_tells_what_was_sealed() -> None:
    with pytest.raises(VaultError) as caught:
        VAULT.open("patients", "name", 8, sealed())
    assert NAME not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_same_text_is_sealed_differently_each_time() -> None:
    boxes = {sealed() for _ in range(100)}
    assert len(boxes) == 100
    assert len({box[1:13] for box in boxes}) == 100  # the nonces
    assert not any(NAME.encode() in box for box in boxes)


def test_a_box_tells_no_more_than_the_length_of_its_text() -> None:
    assert len(sealed()) == 1 + 12 + len(NAME.encode()) + 16


def test_equal_texts_of_one_purpose_have_one_index() -> None:
    index = VAULT.index("id_no", "E00000001")
    assert index == Vault(SECRET).index("id_no", "E00000001")
    assert len(index) == 32


@pytest.mark.parametrize(
    ("vault", "purpose", "text"),
    [
        (VAULT, "phone", "E00000001"),
        (VAULT, "id_no", "E00000002"),
        (VAULT, "id_no", "e00000001"),
        (VAULT, "id_noE", "00000001"),
        (Vault(SECRET + "!"), "id_no", "E00000001"),
    ],
)
def test_anything_else_has_another_index(vault: Vault, purpose: str, text: str) -> None:
    assert vault.index(purpose, text) != VAULT.index("id_no", "E00000001")


def test_keys_of_different_purposes_have_nothing_to_do_with_each_other() -> None:
    keys = {VAULT.key_for(purpose) for purpose in ("tokens", "cursors", "seal", "index", "")}
    assert len(keys) == 5
    assert {len(key) for key in keys} == {32}
    assert VAULT.key_for("tokens") == Vault(SECRET).key_for("tokens")
    assert VAULT.key_for("tokens") != Vault(SECRET + "!").key_for("tokens")


@settings(deadline=None)
@given(st.text(), st.integers(0, 2**63 - 1))
def test_any_text_comes_back_as_it_was(text: str, row: int) -> None:
    assert VAULT.open("accounts", "phone", row, VAULT.seal("accounts", "phone", row, text)) == text


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_bytes_that_were_never_sealed_do_not_open(noise: bytes) -> None:
    with pytest.raises(VaultError):
        VAULT.open(*PLACE, noise)
