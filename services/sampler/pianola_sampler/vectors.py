"""Attribute vectors of a model: what makes its music denser, higher, longer ..."""

from apiflask import APIBlueprint
from flask import Response, jsonify

from pianola.models.attributes import ATTRIBUTES
from pianola.models.generator import Generator
from pianola.records import models
from pianola_http.authentication import protect
from pianola_sampler.context import here
from pianola_sampler.schemas import Vector, Vectors

blueprint = APIBlueprint("vectors", __name__, tag="Vectors")
protect(blueprint)


class NoVectors(LookupError):
    """A generator without directions."""

    def __init__(self, generator: Generator) -> None:
        super().__init__(
            f"this {generator.preset} {generator.family} has no attribute directions: they are found where windows are "
            "placed by an encoder, which a gan does not have, and kept where they explain a tenth of what differs in "
            "its data; a vae that was saved before gets them when a run goes on from it (from_checkpoint). It can play "
            "samples by seed or position z, and interpolations between them"
        )


@blueprint.get("/models/<name>/vectors")
@blueprint.output(Vectors)
def show(name: str) -> Response:
    """Get the attribute directions of a model: what makes its music denser, higher, longer ...

    `attributes` of a sample, variation, reconstruction, interpolation or piece moves its positions along them:
    {"density": 1.0} plays as positions do of windows that are one deviation denser.
    """
    with here().records.read() as session:
        model, checkpoint = models.checkpoint_to_serve(session, name)
    with here().admission.admitted() as deadline:
        generator = here().drawing.generator_of(checkpoint, deadline)
    if not generator.directions:
        raise NoVectors(generator)
    vectors = [
        Vector(
            name=one.name,
            more=ATTRIBUTES[one.name].more,
            unit=ATTRIBUTES[one.name].unit,
            step=one.deviation,
            mean=one.mean,
            r2=one.explained,
            vector=one.vector.tolist(),
        )
        for one in generator.directions
    ]
    told = Vectors(
        model=model,
        checkpoint=checkpoint.generator_digest,
        family=generator.family,
        latent_size=generator.latent_size,
        vectors=vectors,
    )
    return jsonify(told.model_dump(mode="json"))
