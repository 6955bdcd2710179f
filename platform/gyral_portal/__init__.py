"""The site: accounts, submission pages, leaderboards, API. Queries and views; no science."""
