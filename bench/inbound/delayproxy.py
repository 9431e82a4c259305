"""The delay proxy where there is no C compiler: `delayproxy.py LISTEN_PORT TARGET_PORT RTT_MS`, as `delayproxy.c`.

It costs more CPU, which the programs under test then lack; the report says which of the two was used.
"""

import asyncio
import sys
from typing import Final

HOST: Final = "127.0.0.1"
READ_OCTETS: Final = 256 << 10
IN_FLIGHT_CHUNKS: Final = 1024
HANDSHAKE_TRIPS: Final = 1.5

Due = asyncio.Queue[tuple[float, bytes]]


class Line:
    """One client's line to the target."""

    def __init__(self, target_port: int, trip_s: float) -> None:
        self._port, self._trip_s = target_port, trip_s

    async def serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        """Call the target when a real handshake would have come to its end, then hand octets on, late."""
        loop = asyncio.get_running_loop()
        call_at = loop.time() + HANDSHAKE_TRIPS * self._trip_s
        up: Due = asyncio.Queue(IN_FLIGHT_CHUNKS)
        reading = loop.create_task(self._read(client, up, call_at))
        try:
            await asyncio.sleep(call_at - loop.time())
            server, to_server = await asyncio.open_connection(HOST, self._port)
            down: Due = asyncio.Queue(IN_FLIGHT_CHUNKS)
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._write(to_server, up))
                ways.create_task(self._read(server, down, 0.0))
                ways.create_task(self._write(to_client, down))
                await reading
            to_server.close()
        except* OSError:
            pass  # a line that breaks is closed on both sides
        finally:
            reading.cancel()
            to_client.close()

    async def _read(self, source: asyncio.StreamReader, way: Due, earliest: float) -> None:
        now = asyncio.get_running_loop().time
        while True:
            octets = await source.read(READ_OCTETS)
            await way.put((max(now() + self._trip_s / 2, earliest), octets))
            if not octets:
                return

    async def _write(self, sink: asyncio.StreamWriter, way: Due) -> None:
        now = asyncio.get_running_loop().time
        while True:
            due, octets = await way.get()
            await asyncio.sleep(due - now())
            if not octets:
                sink.write_eof()
                return
            sink.write(octets)
            await sink.drain()


async def main(listen_port: int, target_port: int, trip_s: float) -> None:
    """Serve until ended by a signal."""
    line = Line(target_port, trip_s)
    server = await asyncio.start_server(line.serve, HOST, listen_port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000))
