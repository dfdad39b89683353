"""The partners by name, for messages: the domain speaks of a receiver, operators read its name."""

RECEIVER = "Clazar"
CREDITS_RECEIVER = "CloudZero"
