import asyncio
import queue
import socket
import threading
import time


def in_a_thread():
    time.sleep(1)


async def pushes():
    await asyncio.to_thread(in_a_thread)
    await asyncio.get_running_loop().run_in_executor(None, lambda: time.sleep(1))


async def own(runner):
    await runner.run(in_a_thread)


class Runner:
    async def run(self, action):
        return await asyncio.to_thread(action)


async def through_our_own_runner():
    await Runner().run(lambda: time.sleep(1))


async def asynchronous():
    lock = asyncio.Lock()
    await lock.acquire()
    waiting = asyncio.Queue()
    await waiting.get()


async def without_waiting():
    lock = threading.Lock()
    lock.acquire(blocking=False)
    queue.Queue().get(block=False)
    connection = socket.socket()
    connection.setblocking(False)
    connection.recv(1)


async def over(pool, work):
    future = pool.submit(work)
    if future.done():
        return future.result()


def main():
    time.sleep(1)
