import asyncio

from ignition_toolkit.playbook.step_handler import StepHandler


class Session:
    async def log_out(self) -> None:
        await self.client.post("/logout")


class Ask(StepHandler):
    type = "case.ask"

    async def execute(self, params):
        session = Session()
        try:
            return {"answer": await self.ask(session)}
        except asyncio.CancelledError:
            await session.log_out()  # expect: ITK112
            raise
        finally:
            await session.log_out()  # expect: ITK112

    async def ask(self, session):
        return 42
