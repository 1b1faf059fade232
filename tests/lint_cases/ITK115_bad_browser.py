from playwright.async_api import Page, async_playwright

from ignition_toolkit.playbook.step_handler import StepHandler


class BrowserManager:
    page: Page

    async def press(self, selector: str) -> None:
        await self.page.click(selector)  # expect: ITK115
        button = self.page.locator(selector)
        await button.wait_for()  # expect: ITK115


class Press(StepHandler):
    type = "case.press"

    async def execute(self, params):
        manager = await self.context.use(BrowserManager)
        await manager.press(params["selector"])
        await params["page"].goto("http://localhost")
        page = params["tab"]
        await page.goto("http://localhost")  # expect: ITK115
        return {}


async def of_no_handler():
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch()
        await browser.new_page()
