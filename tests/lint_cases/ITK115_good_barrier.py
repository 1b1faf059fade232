import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import BrowserContext, Page

from ignition_toolkit.playbook.cancellation import with_cancellation_check
from ignition_toolkit.playbook.step_handler import StepHandler


class BrowserManager:
    page: Page
    context: BrowserContext

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Page]:
        try:
            yield self.page
        except asyncio.CancelledError:
            await self.barrier()
            raise

    async def barrier(self) -> None:
        async with asyncio.timeout(0.15):
            await self.context.close()


class BrowserStep(StepHandler):
    async def execute(self, params):
        manager = await self.context.use(BrowserManager)
        async with manager.turn() as page:
            return await self.act(page)

    async def act(self, page: Page):
        raise NotImplementedError


class Press(BrowserStep):
    type = "case.press"

    async def act(self, page: Page):
        await page.click("#start")
        return {}


class Type(StepHandler):
    type = "case.type"

    async def execute(self, params):
        await with_cancellation_check(self.fill(params["page"]), on_cancel=params["close"])
        return {}

    async def fill(self, page: Page):
        await page.fill("#name", "x")
