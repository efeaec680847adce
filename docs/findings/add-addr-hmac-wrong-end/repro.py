"""The HMAC of the ADD_ADDR in tcpdump's test capture is cut at the wrong end. Argument: the capture."""

import hashlib
import hmac
import pathlib
import sys


def options(packet):
    """MPTCP options (kind 30) of an Ethernet, IPv4 and TCP packet."""
    tcp = 14 + (packet[14] & 15) * 4
    at, end = tcp + 20, tcp + (packet[tcp + 12] >> 4) * 4
    while at < end and packet[at]:
        length = 1 if packet[at] == 1 else packet[at + 1]
        if packet[at] == 30:
            yield packet[at : at + length]
        at += length


data = pathlib.Path(sys.argv[1]).read_bytes()
at, keys = 24, {}
while at < len(data):
    length = int.from_bytes(data[at + 8 : at + 12], "little")
    packet, at = data[at + 16 : at + 16 + length], at + 16 + length
    sender = packet[26:30]
    for option in options(packet):
        if option[2] >> 4 == 0 and len(option) >= 12:  # MP_CAPABLE with the sender's key
            keys[sender] = option[4:12]
        if option[2] >> 4 == 3 and not option[2] & 1 and len(option) == 16:  # ADD_ADDR, no port
            other = next(key for host, key in keys.items() if host != sender)
            message = option[3:8] + bytes(2)  # address ID, address, port 0
            full = hmac.new(keys[sender] + other, message, hashlib.sha256).digest()
            print("HMAC in the packet:   ", option[8:16].hex())
            print("its last 64 bits, due:", full[-8:].hex())
            print("its first 64 bits:    ", full[:8].hex())
