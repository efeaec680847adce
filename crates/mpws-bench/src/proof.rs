//! What carried the bytes of each measured connection: the wire and both kernels must agree.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use mptcp::diag::MptcpSocket;
use mpws_lab::Lab;
use mpws_peers::protocol::SocketProtocol;
use mpws_trace::{Connection, Role, Trace, TransportTruth};

use crate::end::RowEnd;
use crate::result::{PathShare, Proof};

/// Both ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    /// The client's address, where it is known otherwise than by the word of a peer.
    pub(crate) client: Option<SocketAddr>,
    /// The server's address. Where the client's is not known, nobody else may have connected to it.
    pub(crate) server: SocketAddr,
}

/// A measured connection of which the kernels have spoken.
#[derive(Clone, Debug)]
pub(crate) struct Witnessed {
    pub(crate) ends: Ends,
    pub(crate) protocol: SocketProtocol,
    /// What the client's kernel says of each path.
    pub(crate) paths: Vec<PathShare>,
}

/// The whole of what the wire saw.
pub(crate) fn trace(lab: &Lab) -> Result<Trace, RowEnd> {
    let capture = lab
        .capture()
        .map_err(|error| RowEnd::bench("the wire gave no capture", &error))?;
    let packets = mpws_trace::read_pcapng(std::io::BufReader::new(capture))
        .map_err(|error| RowEnd::bench("the capture cannot be read", &error))?;
    Ok(mpws_trace::analyse(&packets))
}

/// The connection with these ends; it must be the only one.
pub(crate) fn find(trace: &Trace, ends: Ends) -> Result<&Connection, RowEnd> {
    let mut found = trace.connections.iter().filter(|one| {
        one.responder == ends.server
            && ends.client.is_none_or(|client| one.initiator == client)
            && !matches!(one.role, Role::Join(_))
    });
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(RowEnd::transport(format!(
            "the wire shows no connection to {} that was measured",
            ends.server
        ))),
        (Some(_), Some(_)) => Err(RowEnd::transport(format!(
            "the wire shows several connections to {} where one was measured",
            ends.server
        ))),
    }
}

/// Both kernels must list a live MPTCP socket with these ends, or neither must list one.
pub(crate) fn kernels_agree(
    ends: Ends,
    protocol: SocketProtocol,
    client: &[MptcpSocket],
    server: &[MptcpSocket],
) -> Result<(), RowEnd> {
    let at_client = |socket: &&MptcpSocket| {
        socket.remote == ends.server && ends.client.is_none_or(|client| socket.local == client)
    };
    let at_server = |socket: &&MptcpSocket| {
        socket.local == ends.server
            && socket.remote.port() != 0
            && ends.client.is_none_or(|client| socket.remote == client)
    };
    let sides = [
        ("client", client.iter().find(at_client)),
        ("server", server.iter().find(at_server)),
    ];
    for (who, socket) in sides {
        let live = socket.is_some_and(|socket| socket.fallback() == Some(false));
        match protocol {
            SocketProtocol::Mptcp if !live => {
                let state = match socket {
                    None => "lists no MPTCP socket for the connection",
                    Some(_) => "says that the connection has fallen back to TCP",
                };
                return Err(RowEnd::transport(format!("the {who}'s kernel {state}")));
            }
            SocketProtocol::Tcp if socket.is_some() => {
                return Err(RowEnd::transport(format!(
                    "the {who}'s kernel lists an MPTCP socket for the connection that must be TCP"
                )));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Proves all measured connections of one transport, each of which must have carried data over so
/// many subflows.
pub(crate) fn prove(
    trace: &Trace,
    measured: &[Witnessed],
    protocol: SocketProtocol,
    subflows: u32,
) -> Result<Proof, RowEnd> {
    let mut paths: BTreeMap<u8, PathShare> = BTreeMap::new();
    let mut connections = 0;
    for one in measured.iter().filter(|one| one.protocol == protocol) {
        let connection = find(trace, one.ends)?;
        wire_agrees(connection, protocol, subflows)?;
        connections += 1;
        add_wire(&mut paths, connection)?;
        for share in &one.paths {
            let sum = paths.entry(share.path).or_default();
            sum.kernel_up = Some(sum.kernel_up.unwrap_or(0) + share.kernel_up.unwrap_or(0));
            sum.kernel_down = Some(sum.kernel_down.unwrap_or(0) + share.kernel_down.unwrap_or(0));
        }
    }
    if connections == 0 {
        return Err(RowEnd::transport("no connection was measured"));
    }
    let (wire, kernel) = match protocol {
        SocketProtocol::Mptcp => (
            format!(
                "MP_CAPABLE in SYN, SYN/ACK and third ACK, and DSS on data, of each; data on {subflows} subflow{}",
                if subflows == 1 { "" } else { "s" }
            ),
            "both kernels list each as a live MPTCP socket".to_owned(),
        ),
        SocketProtocol::Tcp => (
            "no MPTCP option in the SYN of any".to_owned(),
            "neither kernel lists an MPTCP socket for any".to_owned(),
        ),
    };
    Ok(Proof {
        connections,
        wire,
        kernel,
        paths: paths
            .into_iter()
            .map(|(path, share)| PathShare { path, ..share })
            .collect(),
    })
}

fn wire_agrees(
    connection: &Connection,
    protocol: SocketProtocol,
    wanted: u32,
) -> Result<(), RowEnd> {
    let truth = connection.transport();
    let agrees = match (protocol, truth) {
        (SocketProtocol::Mptcp, TransportTruth::Mptcp { subflows }) => subflows == wanted,
        (SocketProtocol::Tcp, TransportTruth::Tcp) => true,
        _ => false,
    };
    if agrees {
        return Ok(());
    }
    let seen = match truth {
        TransportTruth::Mptcp { subflows } => format!("MPTCP with data on {subflows} subflows"),
        TransportTruth::Fallback { cause } => format!("a fallback to TCP ({cause})"),
        TransportTruth::Tcp => "plain TCP".to_owned(),
        TransportTruth::NotEstablished { cause } => format!("no connection ({cause})"),
    };
    let demanded = match protocol {
        SocketProtocol::Mptcp => format!("MPTCP with data on {wanted}"),
        SocketProtocol::Tcp => "plain TCP".to_owned(),
    };
    Err(RowEnd::transport(format!(
        "the wire shows {seen} from {}, the row is about {demanded}",
        connection.initiator
    )))
}

fn add_wire(paths: &mut BTreeMap<u8, PathShare>, connection: &Connection) -> Result<(), RowEnd> {
    for subflow in connection.subflows() {
        let (up, down) = if subflow.opened_by_responder {
            (&subflow.to_initiator, &subflow.to_responder)
        } else {
            (&subflow.to_responder, &subflow.to_initiator)
        };
        // One that goes by one path and comes back by another would fall with either.
        let number = match &subflow.paths[..] {
            [one] => one.strip_prefix("path").and_then(|path| path.parse().ok()),
            _ => None,
        };
        let number = number.ok_or_else(|| {
            RowEnd::transport(format!(
                "the subflow from {} crossed {} instead of one path",
                subflow.initiator,
                subflow.paths.join(" and ")
            ))
        })?;
        let share: &mut PathShare = paths.entry(number).or_default();
        share.wire_up += up.delivered.payload_bytes;
        share.wire_down += down.delivered.payload_bytes;
    }
    Ok(())
}
