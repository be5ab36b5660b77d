"""All measurements, one after the other: `python -m bench`."""

from bench import configmaps, envelopes, environment, releases

environment.main()
configmaps.main()
releases.main()
envelopes.main()
