"""Pytest's own settings that a configuration file cannot hold. No fixtures: fakes are modules one can read."""

from hypothesis import settings

settings.register_profile("sluice", deadline=None)  # a busy machine is no failure
settings.load_profile("sluice")
