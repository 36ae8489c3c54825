"""Pytest's own settings that a configuration file cannot hold. No fixtures: fakes are modules one can read."""

from hypothesis import settings
from moto.core.config import default_user_config

settings.register_profile("sluice", deadline=None)  # a busy machine is no failure
settings.load_profile("sluice")

# A boto3 session reads a service's description once, in 0.2 s: moto would begin a new session with each test.
default_user_config["core"]["reset_boto3_session"] = False
