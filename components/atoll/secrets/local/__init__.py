"""The KMS of an environment of this machine: a process of its own, whose keys outlive it."""
