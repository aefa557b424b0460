"""`python -m pianola_sampler`: serve with settings from the environment."""

import sys

from pianola.settings import SamplerSettings
from pianola_http.command import run
from pianola_sampler.server import serve

if __name__ == "__main__":
    sys.exit(run("sampler", SamplerSettings, serve))
