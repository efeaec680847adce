//! A proof that labs show MPTCP on this host, before any peer is blamed.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use mpws_lab::{Ip, Lab};
use mpws_trace::TransportTruth;
use socket2::{Domain, SockAddr, Socket, Type};

/// Limit of one call on a socket.
const LIMIT: Duration = Duration::from_secs(10);

/// Sends a word over MPTCP between two hosts and reads the capture.
///
/// # Errors
///
/// In words: there are no labs, no MPTCP sockets, or the wire does not show the connection.
pub fn handshake() -> Result<String, String> {
    let told = |what: &str, error: &dyn std::fmt::Display| format!("{what}: {error}");
    let lab = Lab::two_hosts(1).map_err(|error| told("no lab", &error))?;
    let (client, server) = (lab.host("client"), lab.host("server"));
    let socket = |host: &mpws_lab::Host| {
        host.socket(
            Domain::IPV4.into(),
            Type::STREAM.into(),
            libc::IPPROTO_MPTCP,
        )
        .map(Socket::from)
        .map_err(|error| told("no MPTCP socket in a host of a lab", &error))
    };
    let io = |error: std::io::Error| told("MPTCP between two hosts of a lab", &error);
    let address: SocketAddr = SocketAddr::new(server.address(1, Ip::V4), 8765);
    let listener = socket(&server)?;
    listener.bind(&SockAddr::from(address)).map_err(io)?;
    listener.listen(1).map_err(io)?;
    listener.set_read_timeout(Some(LIMIT)).map_err(io)?;
    let mut sender = socket(&client)?;
    sender
        .connect_timeout(&SockAddr::from(address), LIMIT)
        .map_err(io)?;
    let (mut receiver, _) = listener.accept().map_err(io)?;
    receiver.set_read_timeout(Some(LIMIT)).map_err(io)?;
    sender.write_all(b"hello").map_err(io)?;
    let mut word = [0; 5];
    receiver.read_exact(&mut word).map_err(io)?;
    let capture = lab.capture().map_err(|error| told("no capture", &error))?;
    let packets =
        mpws_trace::read_pcapng(capture).map_err(|error| told("unreadable capture", &error))?;
    let trace = mpws_trace::analyse(&packets);
    let truth = trace
        .connections
        .first()
        .map(mpws_trace::Connection::transport);
    lab.stop()
        .map_err(|error| told("the lab did not end", &error))?;
    match truth {
        Some(TransportTruth::Mptcp { subflows: 1 }) => {
            Ok("an MPTCP connection between two hosts was seen on the wire".to_owned())
        }
        other => Err(format!(
            "the wire does not show the MPTCP connection that was made, but {}",
            other.map_or_else(|| "none".to_owned(), |truth| truth.to_string())
        )),
    }
}
