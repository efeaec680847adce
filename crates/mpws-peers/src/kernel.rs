//! What the kernel says of the sockets of a network namespace: the word that stands in for a peer
//! that cannot be asked.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mptcp::diag::{Diag, MptcpSocket, State, TcpSubflow};
use nix::libc::{IPPROTO_MPTCP, IPPROTO_TCP};

use crate::protocol::SocketFacts;

/// A TCP or MPTCP socket. Subflows are part of theirs, and none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelSocket {
    /// Whether it listens.
    pub listening: bool,
    /// Whether the connection is established, or closed by the other end alone.
    pub connected: bool,
    /// Own address; IPv4 as IPv4, on a socket of either family.
    pub local: SocketAddr,
    /// The peer's address; port 0 for a listener.
    pub remote: SocketAddr,
    /// What its program could learn of it.
    pub facts: SocketFacts,
}

/// The sockets of this process's network namespace.
///
/// # Errors
///
/// When the kernel cannot be asked.
pub fn own_sockets() -> io::Result<Vec<KernelSocket>> {
    let mut diag = Diag::new().map_err(io::Error::other)?;
    let mptcp = diag.mptcp_sockets().map_err(io::Error::other)?;
    let subflows = diag.tcp_subflows().map_err(io::Error::other)?;
    let mut tables = String::new();
    for name in TABLES {
        match std::fs::read_to_string(format!("/proc/{name}")) {
            Ok(table) => tables.push_str(&table),
            // A kernel without IPv6.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sockets(&mptcp, &subflows, &tables))
}

/// The tables of TCP sockets below `/proc`.
pub const TABLES: [&str; 2] = ["net/tcp", "net/tcp6"];

/// Whether a connect is under way: a socket in the text of the [`TABLES`] waits for the answer to
/// its SYN. Subflows stand there too.
pub fn connecting(tables: &str) -> bool {
    tables.lines().any(|line| {
        let state = line.split_whitespace().nth(3);
        state.and_then(|state| u8::from_str_radix(state, 16).ok()) == Some(SYN_SENT)
    })
}

/// Puts together what `inet_diag` and the text of the [`TABLES`] say. Sockets that wait for their
/// last segments are left out.
pub fn sockets(mptcp: &[MptcpSocket], subflows: &[TcpSubflow], tables: &str) -> Vec<KernelSocket> {
    let mut all: Vec<KernelSocket> = mptcp.iter().map(of_mptcp).collect();
    let mut parts: Vec<(SocketAddr, SocketAddr)> = subflows
        .iter()
        .map(|one| (canonical(one.local), canonical(one.remote)))
        .collect();
    // The first subflow, and that of a listener, have the addresses of theirs.
    parts.extend(all.iter().map(|one| (one.local, one.remote)));
    let plain = tables.lines().filter_map(of_table);
    all.extend(plain.filter(|one| !parts.contains(&(one.local, one.remote))));
    all.retain(|one| one.listening || one.connected);
    all
}

fn of_mptcp(socket: &MptcpSocket) -> KernelSocket {
    let (local, remote) = (canonical(socket.local), canonical(socket.remote));
    let info = socket.info.as_ref();
    KernelSocket {
        listening: socket.state == State::Listen,
        connected: matches!(socket.state, State::Established | State::CloseWait),
        local,
        remote,
        facts: SocketFacts {
            open: true,
            so_protocol: Some(IPPROTO_MPTCP),
            is_mptcp: socket.fallback().map(|fallback| !fallback),
            token: info.map(|info| info.token.0),
            mptcp_flags: info.map(|info| info.flags.0),
            local: Some(local.to_string()),
            remote: Some(remote.to_string()),
            ..SocketFacts::default()
        },
    }
}

/// A line of `/proc/net/tcp`: number, own address, peer's address, state, all in hexadecimal, and
/// more.
fn of_table(line: &str) -> Option<KernelSocket> {
    let mut fields = line.split_whitespace().skip(1);
    let local = address(fields.next()?)?;
    let remote = address(fields.next()?)?;
    let state = u8::from_str_radix(fields.next()?, 16).ok()?;
    Some(KernelSocket {
        listening: state == LISTEN,
        connected: state == ESTABLISHED || state == CLOSE_WAIT,
        local,
        remote,
        facts: SocketFacts {
            open: true,
            so_protocol: Some(IPPROTO_TCP),
            is_mptcp: Some(false),
            local: Some(local.to_string()),
            remote: Some(remote.to_string()),
            ..SocketFacts::default()
        },
    })
}

/// `0100007F:1F90`: words of 32 bits as this machine keeps them, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = ip.get(8 * at..8 * at + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip = match ip.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (at, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at)?);
            }
            IpAddr::from(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(canonical(SocketAddr::new(ip, port)))
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// `include/net/tcp_states.h`.
const ESTABLISHED: u8 = 1;
const SYN_SENT: u8 = 2;
const CLOSE_WAIT: u8 = 8;
const LISTEN: u8 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_tables_are_read_and_others_are_not() {
        let one = |line: &str| of_table(line).map(|socket| (socket.local, socket.listening));
        let v4 = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 0 0 0 1";
        let v6 = "   1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 0";
        if cfg!(target_endian = "little") {
            let listens = |text: &str| Some((text.parse().unwrap(), true));
            assert_eq!(one(v4), listens("127.0.0.1:8080"));
            assert_eq!(one(v6), listens("[::1]:80"));
        }
        for broken in [
            "",
            "  sl  local_address rem_address   st",
            "0: 0100007F:1F90",
            "0: 7F:1 7F:1 0A",
        ] {
            assert_eq!(one(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_syn_without_an_answer_is_a_connect_under_way() {
        let header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when";
        let line = |state: &str| {
            format!("{header}\n   0: 0100007F:1F90 0100007F:1F91 {state} 00000000:00000000\n")
        };
        assert!(connecting(&line("02")));
        for other in ["01", "03", "07", "0A"] {
            assert!(!connecting(&line(other)), "{other}");
        }
        assert!(!connecting(""));
    }

    #[test]
    fn a_listener_of_this_process_is_seen_once_and_as_tcp() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let all = own_sockets().unwrap();
        let mine: Vec<_> = all.iter().filter(|one| one.local == address).collect();
        assert_eq!(mine.len(), 1, "{mine:?}");
        assert!(mine[0].listening);
        assert_eq!(mine[0].facts.so_protocol, Some(IPPROTO_TCP));
    }
}
