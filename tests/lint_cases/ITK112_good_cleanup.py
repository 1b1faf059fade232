import asyncio

from ignition_toolkit.playbook.step_handler import StepHandler


class Session:
    async def log_out(self) -> None:
        async with asyncio.timeout(0.1):
            await self.client.post("/logout")

    def forget(self) -> None:
        self.client = None


class Ask(StepHandler):
    type = "case.ask"

    async def execute(self, params):
        session = Session()
        task = asyncio.ensure_future(self.close(session))
        try:
            return {"answer": await self.ask(session)}
        except ValueError:
            await self.close(session)
            raise
        finally:
            session.forget()
            await asyncio.wait_for(asyncio.shield(task), 0.1)
            await session.log_out()

    async def ask(self, session):
        return 42

    async def close(self, session):
        await session.client.close()
