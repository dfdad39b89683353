"""What was used: records, days, and the bill of a month."""
