import concurrent.futures
import queue
import socket
import subprocess
import threading
import time
import urllib.request
from time import sleep

import requests

from ignition_toolkit.playbook.step_handler import StepHandler


class Line:
    def __init__(self, address: str) -> None:
        self.address = address
        self.lock = threading.Lock()

    def read(self) -> str:
        self.lock.acquire()  # expect: ITK108
        return requests.get(self.address).text  # expect: ITK108


class ReadLine(StepHandler):
    type = "case.read_line"

    async def execute(self, params):
        line = Line(params["address"])
        time.sleep(1)  # expect: ITK108
        sleep(1)  # expect: ITK108
        subprocess.run(["true"])  # expect: ITK108
        return {"text": line.read()}


async def of_no_handler(work):
    urllib.request.urlopen("http://localhost/")  # expect: ITK108
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pool.submit(work).result()  # expect: ITK108
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()  # expect: ITK108
    waiting = queue.Queue()
    waiting.get()  # expect: ITK108
    input("go on? ")  # expect: ITK108
    with socket.create_connection(("localhost", 1)) as connection:  # expect: ITK108
        connection.recv(1)  # expect: ITK108
    plain()


def plain():
    time.sleep(1)  # expect: ITK108
