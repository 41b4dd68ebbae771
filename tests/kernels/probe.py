"""What is recorded in the guest: a file, a program with arguments, and peers of both families and protocols."""

import os
import socket
import threading
from pathlib import Path

Path("/tmp/written").write_text("x")


def talk(family: int, address: str, port: int) -> None:
    server = socket.create_server((address, port), family=family)
    listener = threading.Thread(target=lambda: server.accept()[0].recv(1))
    listener.start()
    with socket.socket(family) as client:
        client.connect((address, port))
        client.send(b"x")
    listener.join()


talk(socket.AF_INET, "127.0.0.1", 8443)
talk(socket.AF_INET6, "::1", 8444)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
    datagrams.sendto(b"x", ("127.0.0.1", 5353))
os.sync()  # a call that nothing else here makes
os.execv("/usr/bin/python3.11", ["python3.11", "-c", "pass"])
