"""What becomes of a month: what is due, how it is closed, what is reported."""
