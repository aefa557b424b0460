import json
import subprocess
import sys

LINES = """
import json, logging, sys, structlog
from pianola.logs import configure_logs, relay
from pianola.settings import Settings

class Recorder:
    def __init__(self):
        self.written = []
        self.write = self.written.append
    def flush(self):
        pass
    def isatty(self):
        return False

sys.stderr = recorder = Recorder()
configure_logs(Settings(database_url="sqlite:///x", broker_url="redis://x/0", objects_dir="x"), "test")
structlog.get_logger().info("ours", number=1)
logging.getLogger("theirs").warning("another's")
relay('{"event": "of a child"}')
json.dump(recorder.written, sys.stdout)
"""


def test_a_line_is_one_write() -> None:
    """Several threads and processes write to one stream, and what reads it takes it apart by lines."""
    told = subprocess.run([sys.executable, "-c", LINES], capture_output=True, text=True, check=True).stdout
    written: list[str] = json.loads(told)
    assert [line.count("\n") for line in written] == [1, 1, 1]
    assert [json.loads(line)["event"] for line in written] == ["ours", "another's", "of a child"]
