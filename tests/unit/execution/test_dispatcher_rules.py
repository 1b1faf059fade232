"""The dispatcher's rules in every order of asking and ending that hypothesis thinks of."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ignition_toolkit.execution.dispatch.claims import DESKTOP
from ignition_toolkit.execution.dispatch.local import LocalDispatcher
from ignition_toolkit.execution.views import Claim, WaitingFor

THINGS = [DESKTOP, *(Claim("gateway", name) for name in "abc")]
CLAIMS = st.frozensets(st.sampled_from(THINGS), max_size=3)


class Rules(RuleBasedStateMachine):
    """A dispatcher, and a plain model of who asked for what and where it stands."""

    def __init__(self) -> None:
        super().__init__()
        #: Of all that wait, run or block, in the order of asking.
        self.claims: dict[str, frozenset[Claim]] = {}
        self.waiting: list[str] = []
        self.running: list[str] = []
        self.blocking: list[str] = []
        self.said: dict[str, WaitingFor] = {}
        self.asked = 0

    @initialize(slots=st.integers(1, 4), claims=CLAIMS)
    def begin(self, slots: int, claims: frozenset[Claim]) -> None:
        self.slots = slots
        self.dispatcher = LocalDispatcher(slots, self.on_start, self.said.__setitem__)
        self.claims["old"] = claims
        self.blocking.append("old")
        self.dispatcher.block("old", claims)

    def on_start(self, execution_id: str) -> None:
        earlier = self.waiting[: self.waiting.index(execution_id)]
        passed = [one for one in earlier if self.claims[one] & self.claims[execution_id]]
        assert not passed, f"{execution_id} passed {passed}, which wait for the same"
        # Those before it wait for something that is not to be had, not for a slot alone.
        assert all(self.obstacles(one) for one in earlier)
        self.waiting.remove(execution_id)
        self.running.append(execution_id)
        self.said.pop(execution_id, None)

    def obstacles(self, execution_id: str) -> set[str]:
        """Return who has, or gets before it, something that an execution needs."""
        before = list(self.claims)[: list(self.claims).index(execution_id)]
        others = {*self.running, *self.blocking, *(one for one in before if one in self.waiting)}
        return {one for one in others if self.claims[one] & self.claims[execution_id]}

    @rule(claims=CLAIMS)
    def submit(self, claims: frozenset[Claim]) -> None:
        self.asked += 1
        name = f"x{self.asked}"
        self.claims[name] = claims
        self.waiting.append(name)
        self.dispatcher.submit(name, claims)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), blocks=st.booleans())
    def end(self, data: st.DataObject, blocks: bool) -> None:
        name = data.draw(st.sampled_from(self.running))
        self.running.remove(name)
        if blocks:
            self.blocking.append(name)
        else:
            del self.claims[name]
        self.dispatcher.release(name, blocks=blocks)

    @precondition(lambda self: self.blocking)
    @rule(data=st.data())
    def unblock(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.blocking))
        self.blocking.remove(name)
        del self.claims[name]
        self.dispatcher.unblock(name)

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        names = data.draw(st.lists(st.sampled_from(self.waiting), min_size=1, unique=True))
        for name in names:
            self.waiting.remove(name)
            del self.claims[name]
            del self.said[name]
        self.dispatcher.withdraw(names)

    @invariant()
    def one_thing_is_one_executions(self) -> None:
        held = [claim for one in (*self.running, *self.blocking) for claim in self.claims[one]]
        assert len(held) == len(set(held))
        assert len(self.running) <= self.slots

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        full = len(self.running) == self.slots
        assert all(full or self.obstacles(one) for one in self.waiting)
        assert self.dispatcher.running == len(self.running)
        assert self.dispatcher.waiting == len(self.waiting)

    @invariant()
    def everybody_knows_for_what(self) -> None:
        assert set(self.said) == set(self.waiting)
        for name, what in self.said.items():
            if what.held_by is None:
                assert what.kind == "slot"
                assert not self.obstacles(name)
                continue
            assert what.held_by in self.obstacles(name)
            (claim,) = (
                one
                for one in self.claims[name] & self.claims[what.held_by]
                if (one.kind, one.name) == (what.kind, what.name.split(" (blocked")[0])
            )
            has_it = {*self.running, *self.blocking} & {what.held_by}
            assert has_it or not any(claim in self.claims[one] for one in self.running)
            assert ("blocked" in what.name) == (what.held_by in self.blocking)

    def teardown(self) -> None:
        """When everything ends that can, everybody who waits has had its turn: no deadlock."""
        if not hasattr(self, "dispatcher"):
            return
        for name in list(self.blocking):
            self.blocking.remove(name)
            del self.claims[name]
            self.dispatcher.unblock(name)
        while self.running:
            name = self.running.pop(0)
            del self.claims[name]
            self.dispatcher.release(name)
        assert not self.waiting


TestRules = Rules.TestCase
