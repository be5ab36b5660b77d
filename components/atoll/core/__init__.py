"""What every floor may use and what knows no domain: errors, naming, files, programs, certificates."""
