"""The rival LitServe: `python by_litserve.py GENERATOR PORT MOST_IN_A_BATCH`."""

import sys
from pathlib import Path

import litserve
from player import Player
from starlette.responses import Response

WAIT_S = 0.003


class Playing(litserve.LitAPI):
    """One worker that plays batches."""

    def setup(self, device: str) -> None:
        """In the worker."""
        self.player = Player(Path(sys.argv[1]))

    def decode_request(self, request: dict[str, int]) -> int:
        """The seed."""
        return request["seed"]

    def batch(self, inputs: list[int]) -> list[int]:
        """As they come."""
        return inputs

    def predict(self, x: list[int]) -> list[bytes]:
        """All at once."""
        return self.player.play(x)

    def unbatch(self, output: list[bytes]) -> list[bytes]:
        """One file each."""
        return output

    def encode_response(self, output: bytes) -> Response:
        """The file itself."""
        return Response(output, media_type="audio/midi")


if __name__ == "__main__":
    api = Playing(max_batch_size=int(sys.argv[3]), batch_timeout=WAIT_S)
    litserve.LitServer(api, accelerator="cpu", workers_per_device=1).run(
        host="127.0.0.1", port=int(sys.argv[2]), num_api_servers=1, log_level="warning", generate_client_file=False
    )
