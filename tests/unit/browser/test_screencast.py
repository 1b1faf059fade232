"""When a picture of a page may leave the runner: never with a field that got a secret."""

import time
from typing import TYPE_CHECKING, cast

from ignition_toolkit.browser.screencast import _Hidden

if TYPE_CHECKING:
    from playwright.async_api import Locator


class Field:
    """A field that is on the page, or not."""

    def __init__(self) -> None:
        self.there = 1

    async def count(self) -> int:
        return self.there


def hidden(fields: list[Field]) -> _Hidden:
    return _Hidden(lambda: cast("list[Locator]", fields))


async def test_without_secrets_every_picture_may_be_seen() -> None:
    assert await hidden([]).shows_nothing_of(0.0)


async def test_none_may_be_seen_while_the_field_is_there() -> None:
    look = hidden([Field()])
    assert not await look.shows_nothing_of(time.time())
    assert not await look.shows_nothing_of(time.time() + 60)


async def test_one_that_was_taken_before_the_field_was_seen_gone_may_not_be_seen() -> None:
    field = Field()
    look = hidden([field])
    assert not await look.shows_nothing_of(time.time())
    taken_at = time.time()
    field.there = 0
    assert not await look.shows_nothing_of(taken_at)
    assert not await look.shows_nothing_of(taken_at), "still on its way"
    assert await look.shows_nothing_of(time.time() + 1)


async def test_a_new_field_hides_the_page_even_when_it_is_gone_at_once() -> None:
    fields: list[Field] = []
    look = hidden(fields)
    assert await look.shows_nothing_of(time.time())
    fields.append(Field())
    fields[0].there = 0
    taken_at = time.time()
    assert not await look.shows_nothing_of(taken_at)
    assert not look.now
    assert await look.shows_nothing_of(time.time() + 1)
