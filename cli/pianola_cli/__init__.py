"""The `pianola` command, the typed Python client (`pianola_cli.client`) and `pianola up` (`pianola_cli.local`)."""
