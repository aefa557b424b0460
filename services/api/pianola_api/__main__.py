"""`python -m pianola_api`: serve with settings from the environment."""

import sys

from pianola.settings import ApiSettings
from pianola_api.server import serve
from pianola_http.command import run

if __name__ == "__main__":
    sys.exit(run("api", ApiSettings, serve))
