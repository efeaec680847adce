"""One accept() without a free descriptor ends the sync server for good."""

import resource
import socket
import threading

from websockets.sync.client import connect
from websockets.sync.server import serve

listener = socket.create_server(("127.0.0.1", 0))
uri = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
server = serve(lambda ws: ws.send(ws.recv()), sock=listener)
serving = threading.Thread(target=server.serve_forever)
serving.start()


def echo(sock=None):
    with connect(uri, sock=sock) as ws:
        ws.send("hello")
        return ws.recv()


print("before:", echo())
client = socket.socket()  # made while there are descriptors
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
lowest = client.fileno()
resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))  # none is left for accept()
client.connect(listener.getsockname())
serving.join(30)
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print("serve_forever() has returned:", not serving.is_alive())
late = socket.create_connection(listener.getsockname())
late.sendall(b"GET / HTTP/1.1\r\n\r\n")
late.settimeout(2)
try:
    print("a client afterwards:", late.recv(100)[:12])
except TimeoutError:
    print("a client afterwards: connected, and never answered")
