"""Lambda: each function in processes of its own."""
