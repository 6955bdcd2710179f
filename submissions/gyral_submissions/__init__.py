"""From an upload to stored scores: intake, quota, runs, worker tasks, records."""
