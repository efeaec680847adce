"""mptcpize does nothing for programs in Go, and says nothing."""

import os
import socket
import subprocess
import sys
import tempfile

GO = """package main
import ("net"; "os")
func main() {
    connection, err := net.Dial("tcp", os.Args[1])
    if err != nil { panic(err) }
    connection.Close()
}
"""
PYTHON = "import socket, sys; socket.create_connection(sys.argv[1].split(':'))"


def attempt(what, *program):
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    end = subprocess.run(["mptcpize", "run", *program, address], capture_output=True, check=True)
    accepted = listener.accept()[0].getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL)
    print(f"{what}: SO_PROTOCOL={accepted} at the server, said: {end.stderr.decode()!r}")


attempt("Python", sys.executable, "-c", PYTHON)
with tempfile.TemporaryDirectory() as folder:
    source, program = os.path.join(folder, "dial.go"), os.path.join(folder, "dial")
    with open(source, "w") as file:
        file.write(GO)
    env = {**os.environ, "HOME": folder, "GOCACHE": folder, "GO111MODULE": "off"}
    subprocess.run(["go", "build", "-o", program, source], check=True, env=env)
    attempt("Go", program)
