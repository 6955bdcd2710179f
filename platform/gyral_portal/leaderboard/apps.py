"""Application configuration."""

from django.apps import AppConfig


class LeaderboardConfig(AppConfig):
    """Boards, models, benchmarks and records, as everybody sees them."""

    name = "gyral_portal.leaderboard"
    label = "gyral_leaderboard"
