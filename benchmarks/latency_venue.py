"""The venue of the latency benchmark: notes when each order arrives, and fills it.

``python -m benchmarks.latency_venue FD`` serves the socket FD until it is closed, then prints
``[[instrument, side, ns UTC], …]``. It does nothing else, so that the time of arrival is exact.
"""

import json
import socket
import sys
import time

import msgspec

from benchmarks.latency_wire import FillOnWire, Lines, OrderOnWire


def main() -> None:
    """Serve until the other side closes."""
    link = socket.socket(fileno=int(sys.argv[1]))
    lines, decode = Lines(), msgspec.json.Decoder(OrderOnWire).decode
    encode = msgspec.json.Encoder().encode
    arrivals: list[tuple[str, str, int]] = []
    while data := link.recv(1 << 16):
        at_ns = time.time_ns()
        answers = b""
        for line in lines.feed(data):
            order = decode(line)
            arrivals.append((order.instrument, order.side, at_ns))
            answers += encode(FillOnWire(id=order.id)) + b"\n"
        link.sendall(answers)
    print(json.dumps(arrivals))


if __name__ == "__main__":
    main()
