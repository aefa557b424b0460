"""The client against a running `pianola up`: from files to a model, its checkpoint's bytes and its samples."""

import hashlib
from pathlib import Path

import pytest
import servers
from corpus import midi_files

from pianola_cli.client import ApiProblem, Client, SampleOptions

OPTIONS = {"epochs": 1, "batch": 8, "evaluate_every_steps": 1000, "held_out": 0.25}


def test_a_model_is_trained_named_and_played(embedded: servers.Embedded, tmp_path: Path) -> None:
    for path in midi_files("small")[:4]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with Client(embedded.url) as client:
        client.create_dataset("played-by-client")
        client.upload("played-by-client", [tmp_path])
        client.build("played-by-client")
        kinds = [event.kind for event in client.dataset_events("played-by-client")]
        assert client.dataset("played-by-client").state == "built"
        run = client.wait(client.train("played-by-client", "gan", options=OPTIONS).id)
        assert (kinds[-1], run.state) == ("built", "succeeded")

        (checkpoint,) = [one for one in client.checkpoints(run.id) if one.final]
        assert hashlib.sha256(client.checkpoint_bytes(run.id, checkpoint.digest)).hexdigest() == checkpoint.digest
        assert client.name_model("named-by-client", run.id).run_id == run.id

        drawn = client.sample("named-by-client", options=SampleOptions(seed=7))
        assert client.get_sample(drawn.id) == drawn
        played = client.sample_bytes("named-by-client", "audio/midi", options=SampleOptions(seed=7))
        assert played == client.get_sample_bytes(drawn.id, "midi")
        client.delete_sample(drawn.id)
        with pytest.raises(ApiProblem, match=drawn.id):
            client.get_sample(drawn.id)
