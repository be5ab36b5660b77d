"""Running environments: the engine, its events, the recap, and the `atoll` command line."""
