"""What tests of several kinds share: golden files, and a Pulumi engine that only records."""
