"""The stand-in Clazar."""
