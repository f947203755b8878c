"""The store of rendered answers alone: ages, single rendering, bounded memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import pytest

from guahao.web.framework.answer_store import AnswerStore


@dataclass(frozen=True)
class Text:
    """An answer with a text; `size` None: an error."""

    text: str
    size: int | None = 1000


@dataclass
class Kitchen:
    """Renders what it is told, and counts; a clock that stands until it is moved."""

    now: float = 100.0
    rendered: int = 0
    text: str = "first"
    size: int | None = 1000
    before: list[Text | None] = field(default_factory=list)
    found: Counter[str] = field(default_factory=Counter)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()
        self.store: AnswerStore[Text] = AnswerStore(
            lambda: self.now, 100_000, lambda found: self.found.update([found])
        )

    async def render(self, before: Text | None) -> Text:
        self.rendered += 1
        self.before.append(before)
        answer = Text(self.text, self.size)
        await self.gate.wait()
        return answer

    async def get(self, key: str = "key", after: float = 0) -> str:
        return (await self.store.get(key, self.render, after)).text

    async def settle(self) -> None:
        """Let what is rendered in the background come to its end."""
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
async def kitchen() -> Kitchen:
    return Kitchen()


async def test_an_answer_is_rendered_once_a_second(kitchen: Kitchen) -> None:
    for _ in range(3):
        assert await kitchen.get() == "first"
    kitchen.now += 0.99
    assert await kitchen.get() == "first"
    assert kitchen.rendered == 1


async def test_all_who_ask_at_once_wait_for_one_rendering(kitchen: Kitchen) -> None:
    kitchen.gate.clear()
    asking = [asyncio.create_task(kitchen.get()) for _ in range(50)]
    await kitchen.settle()
    kitchen.gate.set()
    assert await asyncio.gather(*asking) == ["first"] * 50
    assert kitchen.rendered == 1


async def test_what_was_stored_shared_and_rendered_is_counted(kitchen: Kitchen) -> None:
    kitchen.gate.clear()
    asking = [asyncio.create_task(kitchen.get()) for _ in range(50)]
    await kitchen.settle()
    kitchen.gate.set()
    await asyncio.gather(*asking)
    await kitchen.get()
    kitchen.now += 1.2
    await kitchen.get()
    assert kitchen.found == {"rendered": 1, "shared": 49, "stored": 2}


async def test_an_older_answer_is_served_while_it_is_rendered_again(kitchen: Kitchen) -> None:
    await kitchen.get()
    kitchen.text = "second"
    kitchen.now += 1.2
    kitchen.gate.clear()
    assert [await kitchen.get() for _ in range(3)] == ["first"] * 3
    kitchen.gate.set()
    await kitchen.settle()
    assert await kitchen.get() == "second"
    assert kitchen.rendered == 2


async def test_no_answer_is_served_beyond_a_second_and_a_half(kitchen: Kitchen) -> None:
    await kitchen.get()
    kitchen.text = "second"
    kitchen.now += 1.51
    assert await kitchen.get() == "second"


async def test_the_age_counts_from_the_start_of_the_rendering(kitchen: Kitchen) -> None:
    kitchen.gate.clear()
    asking = asyncio.create_task(kitchen.get())
    await kitchen.settle()
    kitchen.now += 1.4  # a slow query
    kitchen.gate.set()
    assert await asking == "first"
    kitchen.text = "second"
    kitchen.now += 0.2
    assert await kitchen.get() == "second"


async def test_who_asks_long_after_a_rendering_began_gets_a_newer_one(kitchen: Kitchen) -> None:
    kitchen.gate.clear()
    early = asyncio.create_task(kitchen.get())
    await kitchen.settle()
    kitchen.now += 1.6
    kitchen.text = "second"
    late = asyncio.create_task(kitchen.get())
    await kitchen.settle()
    kitchen.gate.set()
    assert (await early, await late) == ("first", "second")
    assert await kitchen.get() == "second"  # whichever ended last


async def test_an_error_is_not_stored_and_prolongs_nothing(kitchen: Kitchen) -> None:
    await kitchen.get()
    kitchen.now += 1.2
    kitchen.text, kitchen.size = "error", None
    assert await kitchen.get() == "first"
    await kitchen.settle()
    kitchen.now += 0.31
    assert await kitchen.get() == "error"
    assert await kitchen.get() == "error"
    assert kitchen.rendered == 4


async def test_a_rendering_that_raises_is_tried_again(kitchen: Kitchen) -> None:
    async def fail(_: Text | None) -> Text:
        raise RuntimeError("no database")

    with pytest.raises(RuntimeError):
        await kitchen.store.get("key", fail)
    assert await kitchen.get() == "first"


async def test_a_reader_who_goes_away_cancels_it_for_nobody(kitchen: Kitchen) -> None:
    kitchen.gate.clear()
    first, second = (asyncio.create_task(kitchen.get()) for _ in range(2))
    await kitchen.settle()
    first.cancel()
    await kitchen.settle()
    kitchen.gate.set()
    assert await second == "first"
    assert kitchen.rendered == 1


async def test_who_changed_something_gets_what_was_rendered_since(kitchen: Kitchen) -> None:
    await kitchen.get()
    kitchen.text = "second"
    kitchen.now += 0.1
    changed = kitchen.now
    kitchen.now += 0.1
    assert await kitchen.get() == "first"
    assert await kitchen.get(after=changed) == "second"
    assert await kitchen.get(after=changed) == "second"
    assert await kitchen.get() == "second"
    assert kitchen.rendered == 2


async def test_what_is_rendered_anew_is_given_what_was_before(kitchen: Kitchen) -> None:
    await kitchen.get()
    kitchen.now += 2
    await kitchen.get()
    assert kitchen.before == [None, Text("first")]


async def test_the_memory_is_bounded(kitchen: Kitchen) -> None:
    for number in range(1000):
        await kitchen.get(f"key {number}")
        assert kitchen.store.bytes <= 100_000
    assert len(kitchen.store) == 33  # of 1,000 bytes and their overhead


async def test_a_flood_that_nobody_repeats_evicts_nothing_in_demand(kitchen: Kitchen) -> None:
    hot = [f"hot {number}" for number in range(20)]
    for key in hot * 2:
        await kitchen.get(key)
    for number in range(1000):
        await kitchen.get(f"single {number}")
    rendered = kitchen.rendered
    for key in hot:
        await kitchen.get(key)
    assert kitchen.rendered == rendered


async def test_answers_in_demand_make_room_for_one_another(kitchen: Kitchen) -> None:
    for number in range(1000):
        await kitchen.get(f"hot {number}")
        await kitchen.get(f"hot {number}")
        assert kitchen.store.bytes <= 100_000
    rendered = kitchen.rendered
    await kitchen.get("hot 999")
    assert kitchen.rendered == rendered
    await kitchen.get("hot 0")
    assert kitchen.rendered == rendered + 1


async def test_an_answer_that_grows_is_counted_as_it_is(kitchen: Kitchen) -> None:
    for size in (1000, 20_000, 500):
        kitchen.size = size
        kitchen.now += 2
        await kitchen.get()
        await kitchen.get()
        assert kitchen.store.bytes == size + 2000
    assert len(kitchen.store) == 1


async def test_an_answer_as_large_as_the_store_is_not_stored(kitchen: Kitchen) -> None:
    await kitchen.get("small")
    kitchen.size = 90_000
    await kitchen.get("large")
    assert len(kitchen.store) == 1
