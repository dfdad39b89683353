"""The operator's command `billing`: what was billed, why, and what needs somebody."""
