"""`python -m trainer.children HOW ATTEMPT WORKSPACE`: processes that behave in one way, for a supervisor to watch."""

import sys
import time

from pianola_trainer.exits import Exit

if __name__ == "__main__":
    if sys.argv[1] == "crash":
        print("out of cheese")
        sys.exit(3)
    for line in sys.stdin:
        if sys.argv[1] == "obey":
            print(f"told to {line.strip()}")
            sys.exit(Exit.RELEASED)
    time.sleep(60)
