"""Firefox without a window, for a page or two: driven over WebDriver BiDi, which it speaks itself."""

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from gan_helpers.explorer import servers

NAMES = ("firefox-esr", "firefox")
INSTALL = "apt-get update && apt-get install -y firefox-esr"  # on Debian and Ubuntu, as root
PATIENCE = 120  # seconds


def find() -> str | None:
    """The path of Firefox on this machine; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def looked_at(address: str, until: str, scripts, width: int = 1280, height: int = 1000) -> tuple[list, bytes]:
    """Open a page, wait until a script gives true, run others; gives what they return, and a screenshot as PNG."""
    port = servers.free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [find(), "--headless", "--profile", profile, f"--remote-debugging-port={port}", "about:blank"]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            looked = asyncio.wait_for(_look(port, address, until, scripts, width, height), PATIENCE)
            with ThreadPoolExecutor(1) as thread:  # Playwright keeps a loop of its own in this one
                return thread.submit(asyncio.run, looked).result()
        finally:
            browser.terminate()
            browser.wait(30)


async def _look(port, address, until, scripts, width, height):
    from tornado.websocket import websocket_connect

    async def connected():
        while True:
            try:
                return await websocket_connect(f"ws://127.0.0.1:{port}/session", max_message_size=2**28)
            except OSError:
                await asyncio.sleep(0.2)

    connection, numbers = await connected(), iter(range(10_000))

    async def ask(method, **parameters):
        number = next(numbers)
        await connection.write_message(json.dumps({"id": number, "method": method, "params": parameters}))
        while (answer := json.loads(await connection.read_message())).get("id") != number:
            pass
        assert answer["type"] == "success", answer
        return answer["result"]

    await ask("session.new", capabilities={})
    context = (await ask("browsingContext.getTree"))["contexts"][0]["context"]

    async def run(script):
        script, target = f"(async () => JSON.stringify(await ({script})))()", {"context": context}
        answer = await ask("script.evaluate", expression=script, target=target, awaitPromise=True)
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    await ask("browsingContext.setViewport", context=context, viewport={"width": width, "height": height})
    await ask("browsingContext.navigate", context=context, url=address, wait="complete")
    while not await run(until):
        await asyncio.sleep(0.1)
    returned = [await run(script) for script in scripts]
    return returned, base64.b64decode((await ask("browsingContext.captureScreenshot", context=context))["data"])
