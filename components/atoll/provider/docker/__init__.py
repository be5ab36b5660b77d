"""The stand-in for pulumi-resource-docker: what of it Atoll uses, in its state's shape."""
