"""All measurements, one after the other: `python -m bench`."""

from bench import configmaps, envelopes, environment

environment.main()
configmaps.main()
envelopes.main()
