"""The recipes and guides of `deploy/` and `docs/`, run as they are written, and what any gateway relies on."""
