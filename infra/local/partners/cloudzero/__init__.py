"""The stand-in CloudZero."""
