"""What every test shares: hypothesis without deadlines, since a loaded machine is no failure."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "project", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("project")
