"""One contract's month: what is sent, what was answered, and its total."""
