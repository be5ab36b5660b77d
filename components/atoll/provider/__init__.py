"""The gRPC side of the Pulumi engine: Atoll's own provider, and stand-ins for plugins that cannot be had.

`protocol`, `values`, `diffs`, `engine`, `plugin` and `server` are the base that every plugin here stands on;
`launcher` is what the engine starts, `sharing` the process in which the plugins live.
Nothing in this package is imported by a Pulumi program.
"""
