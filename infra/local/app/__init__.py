"""The synthesized app: its templates, as they would be deployed."""
