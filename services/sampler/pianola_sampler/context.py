"""What requests to the sampler work with, made once for each application."""

from typing import cast

from pianola.objects import verified
from pianola.settings import SamplerSettings
from pianola_http import context
from pianola_sampler.generators import Generators, Source
from pianola_sampler.measures import Measures


class Context(context.Context):
    """What every service works with, and the generators in memory."""

    settings: SamplerSettings
    measures: Measures

    def __init__(self, settings: SamplerSettings) -> None:
        self.generators = Generators(self._fetch, settings.torch_threads, settings.models_bytes)
        super().__init__(settings, Measures(self.generators))

    def _fetch(self, source: Source) -> bytes:
        return verified(self.store, source.key, source.digest)


def here() -> Context:
    """The context of the application that answers the current request."""
    return cast(Context, context.here())
