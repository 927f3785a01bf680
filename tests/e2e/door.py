"""Forwards connections from one address to another, byte for byte.

    door.py FROM TO

Each is host:port. For servers that listen on loopback and callers in containers.
"""

import asyncio
import sys

FROM, TO = (address.rsplit(":", 1) for address in sys.argv[1:])


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def forward(reader, writer):
    inner_reader, inner_writer = await asyncio.open_connection(*TO)
    await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))


async def main():
    async with await asyncio.start_server(forward, *FROM) as server:
        await server.serve_forever()


asyncio.run(main())
