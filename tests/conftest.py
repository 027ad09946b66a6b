"""Settings every test shares."""

from hypothesis import HealthCheck, settings

# The machine's speed is not what a test decides on: no deadlines.
settings.register_profile(
    "arbiter", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("arbiter")

pytest_plugins = ["tests.fakes.postgres"]
