"""The stand-in for pulumi-resource-kubernetes: the official plugin's semantics and state, where it cannot be had.

Pure: `annotations`, `conditions`, `conflicts`, `drift`, `groups`, `hiding`, `kinds`, `manifests`, `previewing`,
`readiness`, `settings`, `state`. What speaks to a cluster: `connection`, `checking`, `writing`, `waiting`,
`applying`, `trying`, `reading`, `deleting`. What speaks to the engine: `plugin`, `construct`. Served are the typed
resources, CustomResource and yaml.v2.ConfigGroup.
"""
