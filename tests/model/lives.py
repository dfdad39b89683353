"""The lives of invocations, numbered: what each does next, and what it becomes by an answer."""

from typing import Any

from tests.model.definition import after, retried
from tests.model.invocation import Invocation
from tests.model.playing import Step, play


class Lives:
    """Every history that was ever played, once. A life is a small number."""

    def __init__(self) -> None:
        self._known: dict[tuple[Invocation, tuple[Any, ...]], int] = {}
        self._rows: list[tuple[Invocation, tuple[Any, ...]]] = []
        self._steps: list[Step] = []
        self._answered: dict[tuple[int, Any], int] = {}
        self._following: dict[int, tuple[int | None, ...]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def begin(self, invocation: Invocation, history: tuple[Any, ...] = ()) -> int:
        """Return the life of an invocation that has had these answers."""
        key = (invocation, history)
        if key not in self._known:
            self._known[key] = len(self._rows)
            self._rows.append(key)
            self._steps.append(play(*key))
        return self._known[key]

    def answered(self, life: int, answer: Any) -> int:
        """Return the life after the answer to its next step."""
        found = self._answered.get((life, answer))
        if found is None:
            invocation, history = self._rows[life]
            found = self.begin(invocation, (*history, answer))
            self._answered[life, answer] = found
        return found

    def step(self, life: int) -> Step:
        return self._steps[life]

    def invocation(self, life: int) -> Invocation:
        return self._rows[life][0]

    def is_fresh(self, life: int) -> bool:
        return not self._rows[life][1]

    def again(self, life: int) -> int:
        """Return the first moment of the same invocation, tried again."""
        return self.begin(self._rows[life][0])

    def following(self, life: int) -> tuple[int | None, ...]:
        """Return what the execution may do once this life is over; None: it ends.

        After an error that is tried again, the last try may have been used up.
        """
        if life not in self._following:
            invocation, step = self._rows[life][0], self._steps[life]
            next_one = after(invocation, step)
            found = [None if next_one is None else self.begin(next_one)]
            if step.error and retried(invocation.state, step.error):
                found.insert(0, self.again(life))
            self._following[life] = tuple(found)
        return self._following[life]
