"""The sync server starts on a socket that cannot accept; serve_forever() returns without a word."""

import socket
import threading

from websockets.sync.server import serve


def attempt(what, prepare):
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    prepare(sock)
    outcome = []

    def run():
        try:
            serve(lambda ws: None, sock=sock).serve_forever()
            outcome.append("serve_forever() returned, no error")
        except Exception as error:
            outcome.append(repr(error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(30)  # seconds; a server that serves is still at it then
    print(f"{what}: {outcome[0] if outcome else 'serves'}")


attempt("bound, not listening", lambda sock: sock.bind(("127.0.0.1", 0)))
attempt("not bound", lambda sock: None)
attempt("closed", lambda sock: sock.close())
