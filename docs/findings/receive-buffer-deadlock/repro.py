"""One of two paths dies, what comes over the other fills the receive buffer: nothing moves again."""

import ctypes
import fcntl
import os
import pathlib
import select
import socket
import subprocess

NEW_NET, NEW_USER, MPTCP = 0x40000000, 0x10000000, (socket.AF_INET, socket.SOCK_STREAM, 262)
SETUP = """ip link add c{0} type veth peer s{0} netns {1}; {2} ip link set s{0} up; ip link set c{0} up
{2} ip addr add 10.{0}.0.2/24 dev s{0}; ip addr add 10.{0}.0.1/24 dev c{0}
{2} ip mptcp limits set subflows 2; ip mptcp limits set subflows 2 add_addr_accepted 2"""
user, unshare = os.geteuid(), ctypes.CDLL(None).unshare
assert unshare(NEW_USER | NEW_NET) == 0, "a user namespace is needed"
pathlib.Path("/proc/self/uid_map").write_text(f"0 {user} 1")
listener = socket.socket(*MPTCP)
listener.listen()
server_host = f"/proc/{os.getpid()}/fd/{os.open('/proc/self/ns/net', os.O_RDONLY)}"
there = f"nsenter --net={server_host}"
assert unshare(NEW_NET) == 0
for path in 1, 2:
    subprocess.run(SETUP.format(path, server_host, there), shell=True, check=True)
subprocess.run(f"{there} ip mptcp endpoint add 10.2.0.2 signal", shell=True, check=True)
off = ctypes.addressof(ethtool_ssg := ctypes.c_uint64(0x19)).to_bytes(8, "little")
fcntl.ioctl(listener, 0x8946, b"s2".ljust(16, b"\0") + off + bytes(16))  # SIOCETHTOOL
for size in 4194304, 131072:
    pathlib.Path("/proc/sys/net/ipv4/tcp_rmem").write_text(f"4096 {size} 33554432")
    (client := socket.socket(*MPTCP)).connect(("10.1.0.2", listener.getsockname()[1]))
    (server := listener.accept()[0]).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while not client.getsockopt(284, 1, 96)[0]:  # MPTCP_INFO: path 2 has joined
        pass
    subprocess.run(f"{there} tc qdisc add dev s1 root blackhole", shell=True, check=True)
    left = sum(server.send(bytes(200)) for _ in range(1500))
    while left and select.select([client], [], [], 15)[0]:
        left -= len(client.recv(left))
    print(f"receive buffer of {size} B:", "nothing comes any more" if left else "all came")
    subprocess.run(f"{there} tc qdisc del dev s1 root", shell=True, check=True)
