"""All measurements, one after the other: `python -m bench [MEMBERS]`, so many of them in the comparison with others."""

import sys

from bench import configmaps, envelopes, environment, releases, sync

members = sys.argv[1:]
# What follows reads arguments of its own.
del sys.argv[1:]
environment.main()
configmaps.main()
releases.main()
envelopes.main()
sync.main(members)
