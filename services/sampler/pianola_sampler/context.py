"""What requests to the sampler work with, made once for each application."""

import threading
from collections.abc import Callable
from typing import cast

from pianola.objects import verified
from pianola.settings import SamplerSettings
from pianola_http import context
from pianola_sampler.admission import Admission
from pianola_sampler.cache import Cache
from pianola_sampler.decoder import Batching, Decoder
from pianola_sampler.drawing import Drawing
from pianola_sampler.generators import Generators, Source
from pianola_sampler.keeping import Keeper
from pianola_sampler.latent_map import LatentMaps
from pianola_sampler.measures import Measures
from pianola_sampler.names import Names
from pianola_sampler.warming import Warming


class Context(context.Context):
    """What every service works with, who may draw, and what they draw with."""

    settings: SamplerSettings
    measures: Measures

    def __init__(self, settings: SamplerSettings) -> None:
        super().__init__(settings, Measures())
        batching = Batching(settings.batch_windows, settings.batch_seconds)
        self.admission = Admission(settings.queue, settings.deadline_seconds)
        self.keeper = Keeper(self.records)
        # What a batch draws waits to be kept by then, and a transaction of many takes little longer than one of one.
        self.decoder = Decoder(settings.torch_threads, batching, self.measures, self.keeper.commit)
        self.generators = Generators(self._fetch, self.decoder, settings.models_bytes)
        self.reading = threading.Lock()
        """Held by who reads a stranger's file."""
        self.names = Names(self.records)
        self.cache = Cache(settings.cache_bytes)
        self.maps = LatentMaps(self.records, lambda: self.store)
        self.drawing = Drawing(self.generators, self.decoder, self.measures)
        watch = self.measures.watch
        watch("generator_loads", "Generators loaded so far", lambda: self.generators.loads)
        watch("generators_bytes", "Generators in memory", lambda: sum(self.generators.held().values()))
        watch("cache_bytes", "Samples in memory", lambda: self.cache.bytes)
        watch("drawing", "Requests that draw or wait for it", lambda: self.admission.inside)
        self.warming = Warming(self.records, self.decoder, self.generators)

    def checks(self) -> dict[str, Callable[[], object]]:
        """See pianola_http: a sampler is ready when its models are, too, and somebody decodes what they play."""
        return super().checks() | {"models": self.warming.check, "decoder": self.decoder.check}

    def _fetch(self, source: Source) -> bytes:
        return verified(self.store, source.key, source.digest)


def here() -> Context:
    """The context of the application that answers the current request."""
    return cast(Context, context.here())
