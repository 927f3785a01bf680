"""Forwards TCP connections from one address to another.

    door.py FROM TO

Both are host:port. It makes servers on loopback reachable from containers.
"""

import asyncio
import sys

FROM, TO = (address.rsplit(":", 1) for address in sys.argv[1:])


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes until the end of the stream."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Forward one connection in both directions."""
    inner_reader, inner_writer = await asyncio.open_connection(*TO)
    await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))


async def main() -> None:
    async with await asyncio.start_server(forward, *FROM) as server:
        await server.serve_forever()


asyncio.run(main())
