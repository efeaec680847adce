//! Numbers of what a peer holds. Each counts from 1, inside one peer.

/// Number of a socket inside one peer.
pub type SocketId = u32;
/// Number of a connection inside one peer.
pub type ConnectionId = u32;
/// Number of a server inside one peer.
pub type ServerId = u32;
