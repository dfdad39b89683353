"""Two years of random months, with faults and people: every fourth seed, from 0."""

from tests.simulation.chunk import chunk

test_whatever_happens_in_two_years_every_promise_holds = chunk(0)
