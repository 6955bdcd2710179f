"""Settings of the site's pages and API, in the manner of `gyral_submissions.conf`."""

from gyral_submissions.conf import Setting, count

REQUESTS_PER_MINUTE = Setting(
    "GYRAL_REQUESTS_PER_MINUTE", 120, count, "API requests a minute of one address without a token; 0: any"
)
TOKEN_REQUESTS_PER_MINUTE = Setting(
    "GYRAL_TOKEN_REQUESTS_PER_MINUTE", 600, count, "API requests a minute of one person's tokens; 0: any"
)
METRICS_TOKEN = Setting("GYRAL_METRICS_TOKEN", "", str, "bearer token of /metrics; empty: there is none")

SETTINGS: tuple[Setting[int] | Setting[str], ...] = (
    REQUESTS_PER_MINUTE,
    TOKEN_REQUESTS_PER_MINUTE,
    METRICS_TOKEN,
)
