"""What adapters of other libraries share: they take the shape of `websockets`, so that its adapter can drive them.

`start` reads the command line, says hello and hands over to `mpws_adapter.event_loop`. `shape` has the connection,
the server and the errors that the event loop works with; `mptcp` makes the sockets of those libraries that are
not handed one.
"""
