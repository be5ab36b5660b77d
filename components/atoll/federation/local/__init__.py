"""A real Karmada control plane as processes of this machine. Pure, but for what `effects` does with it."""
