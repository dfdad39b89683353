"""Clazar, the partner that bills usage: its words stay here."""
