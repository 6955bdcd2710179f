"""People: the account page and API tokens (sign-up, log-in and second factors are allauth's)."""
