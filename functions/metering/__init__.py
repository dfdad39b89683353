"""One module per state of statemachines/metering.asl.json, under the name of the state.

Each holds a handler, and a use case of its own where tests play that by itself. It takes the
outside as arguments: the same code runs in Lambda, on the local engine and with objects in memory.
"""
