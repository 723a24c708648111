"""A stand-in for llama-server: says a word for each token, and that it computed the whole prompt."""

import asyncio
import json
import sys


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = await reader.readline()
    length = 0
    while (line := await reader.readline()).strip():
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
    if request.startswith(b"POST /completion "):
        body = json.loads(await reader.readexactly(length))
        say = [{"content": "word", "stop": False}] * body["n_predict"]
        say.append({"content": "", "stop": True, "timings": {"prompt_n": len(body["prompt"])}})
        for event in say:
            data = f"data: {json.dumps(event, separators=(',', ':'))}\n\n".encode()
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            await writer.drain()
            await asyncio.sleep(0.002)  # a model takes its time too
    writer.write(b"0\r\n\r\n")
    writer.close()


async def main() -> None:
    port = int(sys.argv[sys.argv.index("--port") + 1])
    server = await asyncio.start_server(serve, "127.0.0.1", port, limit=8 << 20)
    await server.serve_forever()


asyncio.run(main())
