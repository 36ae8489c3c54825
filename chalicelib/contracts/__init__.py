"""The contracts events must meet, and the registry that finds and compiles them."""
