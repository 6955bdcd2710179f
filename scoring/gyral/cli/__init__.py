"""The command line: one file per command, mounted lazily by `gyral.cli.main`."""
