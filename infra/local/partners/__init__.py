"""Stand-ins for the partners: strict about what they are sent, scripted in what they answer."""
