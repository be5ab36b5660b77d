"""All measurements, one after the other: `python -m bench`."""

from bench import configmaps, environment

environment.main()
configmaps.main()
