"""Calls are followed from a handler's `execute` into other functions, classes and modules."""

from pathlib import Path

import pytest

from tests.unit.lint.trees import looked_at, places

HANDLER = """
    from toolbox import StepHandler
    from acme.manager import Manager

    class Wait(StepHandler):
        def __init__(self, context):
            self.manager = Manager()

        async def execute(self, params):
            await self.manager.wait(params["seconds"])
"""
MANAGER = """
    import asyncio

    class Manager:
        async def wait(self, seconds):
            await self.rest(seconds)

        async def rest(self, seconds):
            await asyncio.sleep(seconds)
"""
PACKAGE = {"acme/__init__.py": "", "acme/steps.py": HANDLER, "acme/manager.py": MANAGER}


def test_a_finding_in_another_module_names_handler_and_chain(tmp_path: Path) -> None:
    (finding,) = looked_at(tmp_path, PACKAGE)
    assert (finding.code, finding.line, finding.column) == ("ITK101", 9, 15)
    assert finding.handler == "acme.steps.Wait"
    steps, manager = tmp_path / "acme/steps.py", tmp_path / "acme/manager.py"
    assert finding.chain == (
        f"Wait.execute ({steps}:9)",
        f"Manager.wait ({manager}:5)",
        f"Manager.rest ({manager}:8)",
    )
    assert "acme.steps.Wait by Wait.execute -> Manager.wait -> Manager.rest" in finding.message
    assert "cancellable_sleep" in finding.message


def test_a_manager_that_no_handler_uses_is_left_alone(tmp_path: Path) -> None:
    files = PACKAGE | {"acme/steps.py": HANDLER.replace("StepHandler", "Base")}
    assert looked_at(tmp_path, files) == []


def test_packages_without_init_files_are_followed_from_the_folder_given(tmp_path: Path) -> None:
    files = {name: text for name, text in PACKAGE.items() if "__init__" not in name}
    assert places(tmp_path, looked_at(tmp_path, files)) == ["acme/manager.py:9 ITK101"]


WAYS = {
    "annotated attribute": "manager: Manager\n    async def go(self): await self.manager.wait(1)",
    "annotated parameter": "async def go(self, m: 'Manager | None' = None): await m.wait(1)",
    "the context": "async def go(self):\n        m = await self.context.use(Manager)\n"
    "        await m.wait(1)",
    "a property": "@property\n    def m(self) -> Manager: ...\n"
    "    async def go(self): await self.m.wait(1)",
    "a helper's result": "def m(self):\n        return Manager()\n"
    "    async def go(self): await self.m().wait(1)",
    "a context manager": "async def go(self):\n        async with Manager() as m:\n"
    "            await m.wait(1)",
    "a function handed on": "async def go(self): await poll(Manager().wait, 5)",
    "a lambda handed on": "async def go(self): await poll(lambda: Manager().wait(1), 5)",
    "a partial": "async def go(self): await poll(partial(Manager().wait, 1), 5)",
    "an inner function": "async def go(self):\n        async def inner(): await Manager().wait(1)\n"
    "        await inner()",
    "the class above": "async def go(self): await super().wait(1)",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_manager_is_followed_through(way: str, tmp_path: Path) -> None:
    text = (
        "from functools import partial\nfrom toolbox import StepHandler, poll\n"
        "from acme.manager import Manager\n\n\n"
        f"class Wait(StepHandler, Manager):\n    async def execute(self, params):\n"
        f"        await self.go()\n\n    {WAYS[way]}\n"
    )
    findings = looked_at(tmp_path, PACKAGE | {"acme/steps.py": text})
    assert places(tmp_path, findings) == ["acme/manager.py:9 ITK101"]


def test_a_hook_is_the_one_of_the_class_that_runs(tmp_path: Path) -> None:
    files = {
        "base.py": """
            from toolbox import StepHandler

            class Base(StepHandler):
                async def execute(self, params):
                    await self.act()

                async def act(self): ...
        """,
        "kind.py": """
            import asyncio
            from base import Base

            class Kind(Base):
                async def act(self):
                    await asyncio.sleep(1)
        """,
    }
    (finding,) = looked_at(tmp_path, files)
    assert finding.handler == "kind.Kind"
    assert [step.partition(" ")[0] for step in finding.chain] == ["Kind.execute", "Kind.act"]


def test_modules_that_import_each_other_in_a_circle_are_read(tmp_path: Path) -> None:
    files = {
        "a.py": "from b import x as y\nfrom b import Base\nclass A(Base): pass\nx = y\n",
        "b.py": "from a import x\nfrom a import A\nclass Base(A): pass\n",
    }
    assert looked_at(tmp_path, files) == []


def test_a_handler_by_inference_of_an_installed_package(tmp_path: Path) -> None:
    """The class between is not under the look, and its name says nothing."""
    text = """
        import asyncio
        from ignition_toolkit.steps.gateway.base import GatewayStep

        class Rest(GatewayStep):
            async def execute(self, params):
                await asyncio.sleep(1)
    """
    (finding,) = looked_at(tmp_path, {"rest.py": text})
    assert finding.handler == "rest.Rest"


def test_a_deadline_in_one_caller_does_not_help_the_other(tmp_path: Path) -> None:
    text = """
        import asyncio
        from toolbox import StepHandler

        class Line:
            def __init__(self):
                self.ready = asyncio.Event()

            async def wait(self):
                await self.ready.wait()

        class Bounded(StepHandler):
            async def execute(self, params):
                async with asyncio.timeout(5):
                    await Line().wait()
    """
    unbounded = """
        from lines import Line
        from toolbox import StepHandler

        class Unbounded(StepHandler):
            async def execute(self, params):
                await Line().wait()
    """
    assert looked_at(tmp_path / "one", {"lines.py": text}) == []
    (finding,) = looked_at(tmp_path / "two", {"lines.py": text, "other.py": unbounded})
    assert (finding.code, finding.handler) == ("ITK111", "other.Unbounded")
