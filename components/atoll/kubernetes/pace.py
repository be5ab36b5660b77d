"""How fast a client may ask: a bucket of requests that fills at a steady rate.

Source: client-go's token-bucket rate limiter (`QPS` and `Burst` of its rest.Config).
"""

import threading
import time


class Pace:
    """Lets `burst` requests through at once and then `qps` a second. Safe to share between threads."""

    def __init__(self, qps: float, burst: int) -> None:
        self._qps, self._burst = qps, burst
        self._left, self._seen = float(burst), time.monotonic()
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Waits until the next request may go."""
        with self._lock:
            now = time.monotonic()
            self._left = min(self._burst, self._left + (now - self._seen) * self._qps) - 1
            self._seen, pause = now, max(0.0, -self._left / self._qps)
        time.sleep(pause)
