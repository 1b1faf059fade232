from playwright.async_api import Page

from ignition_toolkit.playbook.cancellation import with_cancellation_check
from ignition_toolkit.playbook.step_handler import StepHandler


class Form:
    async def fill(self, text: str) -> None:
        self.text = text


class Press(StepHandler):
    type = "case.press"
    page: Page

    async def execute(self, params):
        await with_cancellation_check(
            self.page.click(params["selector"]), on_cancel=self.page.context.close
        )
        page = Form()
        await page.fill("not a browser's")
        return {}
