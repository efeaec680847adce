"""Speaks the mpws adapter protocol, version 1, for the Python library `websockets`.

`start` reads the command line and says hello. `control` reads requests and writes responses.
`event_loop` carries out requests for the library's `legacy` and `asyncio` implementations, with one
event loop on the main thread; `threaded` does so for `sync`, with a thread for each operation. Both
build on `peer`, which has the operations that cannot wait, and share the rest: `arguments`, `sockets`,
`records`, `requests`, `history`, `forms`, `payload`, `logs`.
"""
