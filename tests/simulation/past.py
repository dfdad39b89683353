"""What others have billed before the pipeline came to it: people, and an earlier program."""

import json
from functools import partial

from functions.domain.month import Month, format_instant
from functions.domain.plan import Plan
from functions.domain.usage.billing import round_to_whole
from tests.simulation.dialect import canonical
from tests.simulation.operators import Operators
from tests.simulation.terms import FIRST
from tests.simulation.world import StoryWorld

EARLIER = "S:E:OLD"


class Past:
    """Bills contracts' months that no plan has an entry of. Sometimes by another quantity."""

    def __init__(self, world: StoryWorld, operators: Operators) -> None:
        self._world, self._rng, self._operators = world, world.rng, operators

    def schedule(self, month: Month) -> None:
        """Let somebody bill a month when it is over, before the first run comes to it."""
        terms = self._world.terms
        often = 0.5 if month == FIRST and terms.by_hand else terms.by_hand
        for plan in self._world.plans:
            for contract in terms.contracts[plan.plan_id]:
                if self._rng.random() < often:
                    act = partial(self._bill, plan, month, contract)
                    self._world.timeline.at(month.end, act)
        if month == FIRST and terms.earlier:
            self._world.timeline.at(month.end, partial(self._bill_earlier, month))

    def _bill(self, plan: Plan, month: Month, contract: str) -> None:
        if not self._is_untouched(month, contract):
            return
        done = self._rng.random() < 0.2
        if self._records(plan, month, contract) and done and self._world.document() is not None:
            self._list(plan.key, month, contract)
            self._operators.by_hand.add((plan.key, str(month), contract))

    def _bill_earlier(self, month: Month) -> None:
        """Let a plan that is not configured have billed a contract of ours: it may be moved."""
        plan = self._world.plan
        contract = self._rng.choice(sorted(self._world.terms.contracts[plan.plan_id]))
        free = self._is_untouched(month, contract) and self._world.document() is not None
        if free and self._records(plan, month, contract):
            self._list(EARLIER, month, contract)

    def _is_untouched(self, month: Month, contract: str) -> bool:
        """Say whether nobody has billed it so far: no plan by final usage, and no person."""
        world = self._world
        if any(world.entry(plan, str(month), contract) for plan in world.plans):
            return False
        return not any(
            canonical(held.sold.contract) == canonical(contract) and held.sold.month == str(month)
            for held in world.receiver.held
        )

    def _records(self, plan: Plan, month: Month, contract: str) -> bool:
        totals = self._world.totals(plan, month)
        found = totals.amounts(contract, plan.dimensions) if totals else {}
        differs = self._rng.random() < 0.3
        billed = False
        for name, amount in sorted(found.items()):
            quantity = round_to_whole(amount, plan.rounding)
            quantity += self._rng.choice((-1, 1, 2)) if differs else 0
            if quantity > 0 and self._rng.random() < 0.8:
                billed = True
                self._world.say(f"by hand: {quantity} {name} of {contract} {month} is billed")
                self._world.receiver.bill_by_hand(
                    {
                        "cloud": plan.cloud,
                        "contract_id": contract,
                        "dimension": name,
                        "start_time": format_instant(month.start),
                        "end_time": format_instant(month.last_second()),
                        "quantity": str(quantity),
                    },
                    self._world.now(),
                )
        return billed

    def _list(self, key: str, month: Month, contract: str) -> None:
        """Put the contract's month into `success_contracts`, as who has billed it would."""
        self._world.say(f"{contract} {month} is a success of {key}")
        self._operators.truth.accounted.add((canonical(contract), str(month)))
        bucket, name = self._world.state_bucket, self._world.plan.state_file
        document = json.loads(bucket.objects.get(name, b"{}"))
        months = document.setdefault(key, {}).setdefault("success_contracts", {})
        months.setdefault(str(month), []).append(contract)
        bucket.edit(name, json.dumps(document, indent=2).encode())
