//! What kernels, wire and peers say of a cell.

pub(crate) mod gather;

use mptcp::diag::MptcpSocket;
use mpws_peers::protocol::SocketFacts;

/// What kernels and peers said at one moment, while a connection stood.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Snapshot {
    /// MPTCP sockets of the client's host, listeners left out.
    pub client_sockets: Vec<MptcpSocket>,
    /// MPTCP sockets of the server's host, listeners left out.
    pub server_sockets: Vec<MptcpSocket>,
    /// What the client said of its sockets.
    pub client_facts: Vec<SocketFacts>,
    /// What the server said of the sockets that it accepted.
    pub server_facts: Vec<SocketFacts>,
}
