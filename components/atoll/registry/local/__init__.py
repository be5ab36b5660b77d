"""A registry of this machine: the distribution registry as a supervised process, what it stores kept."""
