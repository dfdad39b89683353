"""One module per state of statemachines/credits.asl.json, under the name of the state.

Each holds a handler (parse, one use case, return) and the use case, which takes the outside as
arguments: the same code runs in Lambda, on the local engine and in tests with objects in memory.
"""
