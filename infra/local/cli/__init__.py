"""The command line: arguments, screens and the demo."""
