//! Marks, sandboxes, signatures and addresses: what they mean over MPTCP.

use std::io;
use std::net::IpAddr;

use landlock::{AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetStatus};
use mptcp::sockopt;
use mpws_peers::protocol::SocketProtocol;
use mpws_trace::Cause;

use super::join::join_from;
use crate::case::{Case, Expect, Pairs, Side};
use crate::cases::sockopts::errno;
use crate::cell::{Cell, CellEnd, PORT, accept, refused};
use crate::requirement::{Document, linux_source, manual, section, socket_option};

/// The cases of this group.
pub const CASES: &[Case] = &[
    ADDRESS_OF_FIRST_PATH,
    MARK_ON_EVERY_SUBFLOW,
    SIGNATURE_REFUSED,
    LANDLOCK_CONNECT,
];

const BASE: Case = Case {
    pairs: Pairs::Fixtures,
    control: false,
    ..Case::BASE
};

const ADDRESS_OF_FIRST_PATH: Case = Case {
    slug: "security/peer-address-stays-that-of-first-path",
    title: "The peer's address is that of the first path, also once a second one has joined",
    requirements: &[manual("getpeername(2)").says("on MPTCP the addresses of the first subflow")],
    why: "Rate limits, bans and logs go by this address; it must not change in the middle, and it does not tell where bytes come from.",
    paths: 2,
    network: "two paths; the client joins by the second",
    outcome: "getpeername() of the accepted socket gives the client's address on path 1, before the join and after it",
    mutants: &["wire-strips-mptcp", "suite-speaks-tcp"],
    steps: |cell| {
        join_from(cell, 2)?;
        let wired = cell.wired(SocketProtocol::Mptcp, SocketProtocol::Mptcp)?;
        let first: Option<IpAddr> = cell.address(Side::Client).parse().ok();
        let peer = |socket: &socket2::Socket| -> Result<Option<IpAddr>, CellEnd> {
            let address = socket.peer_addr().map_err(refused("getpeername()"))?;
            Ok(address.as_socket().map(|address| address.ip()))
        };
        cell.equal("before the join", &first, &peer(&wired.server)?);
        wired.exchange(100)?;
        cell.wait_for("the second subflow", |_| {
            let subflows =
                sockopt::subflow_addrs(&wired.server).map_err(refused("MPTCP_SUBFLOW_ADDRS"))?;
            Ok((subflows.len() == 2).then_some(()))
        })?;
        cell.equal("after the join", &first, &peer(&wired.server)?);
        Ok(())
    },
    ..BASE
};

const MARK_ON_EVERY_SUBFLOW: Case = Case {
    slug: "security/mark-on-every-subflow",
    title: "SO_MARK of the socket is on every subflow, joined ones too",
    requirements: &[
        socket_option("SO_MARK", "socket(7)").says("firewalls and routing decide by it")
    ],
    why: "A VPN or a firewall that goes by the mark would otherwise let the second subflow out beside it.",
    paths: 2,
    network: "two paths; the client joins by the second",
    outcome: "inet_diag shows two subflows of the client, both with the mark",
    mutants: &["wire-strips-mptcp", "suite-speaks-tcp"],
    steps: |cell| {
        join_from(cell, 2)?;
        let listener = cell.own_listener(SocketProtocol::Mptcp, 8, |_| Ok(()))?;
        let client = cell.own_socket(Side::Client, SocketProtocol::Mptcp)?;
        match client.set_mark(MARK) {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
                return Err(CellEnd::Unprovable(
                    "SO_MARK is not allowed here".to_owned(),
                ));
            }
            Err(error) => return Err(refused("SO_MARK")(error)),
        }
        let wired = cell.own_dial(client, listener)?;
        wired.exchange(100)?;
        let marks = cell.wait_for("two established subflows", |cell| {
            let marks = cell.subflow_marks(Side::Client)?;
            Ok((marks.len() == 2).then_some(marks))
        })?;
        cell.equal(
            "marks of the client's subflows",
            &vec![Some(MARK); 2],
            &marks,
        );
        Ok(())
    },
    ..BASE
};

const SIGNATURE_REFUSED: Case = Case {
    slug: "security/tcp-md5-refused",
    title: "TCP_MD5SIG is refused on MPTCP sockets, before and after a fallback, instead of being ignored",
    requirements: &[
        section(Document::Rfc2385, "2"),
        linux_source("net/mptcp/sockopt.c"),
    ],
    why: "A BGP speaker that believes it signs its segments and does not is worse off than one that gets an error.",
    transport: Expect::Fallback(Cause::RemoteIsTcp),
    outcome: "ENOPROTOOPT (92) on the fresh socket and on the one that fell back; TCP takes the key",
    mutants: &["suite-speaks-tcp"],
    steps: |cell| {
        let key = md5_key(cell);
        let try_on = |socket: &socket2::Socket| match sockopt::set_bytes(
            socket,
            libc::IPPROTO_TCP,
            libc::TCP_MD5SIG,
            &key,
        ) {
            Ok(()) => "taken".to_owned(),
            Err(error) => errno(&error),
        };
        let on_tcp = try_on(&cell.plain_socket()?);
        if on_tcp != "taken" {
            return Err(CellEnd::Unprovable(format!("TCP_MD5SIG on TCP: {on_tcp}")));
        }
        let client = cell.own_socket(Side::Client, SocketProtocol::Mptcp)?;
        cell.equal(
            "on a fresh MPTCP socket",
            &"ENOPROTOOPT",
            &try_on(&client).as_str(),
        );
        let listener = cell.own_listener(SocketProtocol::Tcp, 8, |_| Ok(()))?;
        let wired = cell.own_dial(client, listener)?;
        cell.equal(
            "after the fallback",
            &"ENOPROTOOPT",
            &try_on(&wired.client).as_str(),
        );
        Ok(())
    },
    ..BASE
};

const LANDLOCK_CONNECT: Case = Case {
    slug: "security/landlock-connect",
    title: "A Landlock rule against TCP connections: does it hold for MPTCP?",
    requirements: &[manual("landlock(7)").says(
        "network rules since ABI 4 are about TCP, and Linux does not apply them to MPTCP sockets",
    )],
    why: "Switching a sandboxed client to MPTCP opens what the sandbox was to close, on kernels where the rule does not hold.",
    outcome: "TCP is denied (EACCES); MPTCP is denied or gets through, recorded",
    mutants: &["filter-left-out"],
    steps: |cell| {
        let listener = cell.own_listener(SocketProtocol::Mptcp, 8, |_| Ok(()))?;
        let tcp = cell.own_socket(Side::Client, SocketProtocol::Tcp)?;
        let mptcp = cell.own_socket(Side::Client, SocketProtocol::Mptcp)?;
        let target = cell.server_at(PORT)?;
        let effects = cell.effects;
        // A thread of its own, for it stays in the sandbox to its end.
        let tried = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                effects.sandbox(no_tcp_connections)?;
                Ok([&tcp, &mptcp].map(|socket| answer(socket.connect(&target))))
            });
            thread
                .join()
                .unwrap_or_else(|_| Err(CellEnd::Broken("the sandbox panicked".to_owned())))
        })?;
        cell.equal("TCP from the sandbox", &DENIED, &tried[0].as_str());
        cell.check(
            "MPTCP from the sandbox",
            "EACCES or connected",
            &tried[1],
            [DENIED, CONNECTED].contains(&tried[1].as_str()),
        );
        cell.record("MPTCP from the sandbox", tried[1].clone());
        if tried[1] == CONNECTED {
            accept(&listener)?;
        }
        Ok(())
    },
    transport: Expect::Recorded,
    ..BASE
};

/// From now on this thread may not connect by TCP, as far as the kernel sees to it.
fn no_tcp_connections() -> Result<(), CellEnd> {
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessNet::ConnectTcp)
        .and_then(Ruleset::create)
        .and_then(landlock::RulesetCreated::restrict_self);
    match status {
        Ok(status) if status.ruleset == RulesetStatus::FullyEnforced => Ok(()),
        Ok(_) => Err(CellEnd::Unprovable(
            "this kernel does not enforce Landlock's network rules".to_owned(),
        )),
        Err(error) => Err(CellEnd::Unprovable(format!(
            "no Landlock network rules here: {error}"
        ))),
    }
}

fn answer(tried: io::Result<()>) -> String {
    match tried {
        Ok(()) => CONNECTED.to_owned(),
        Err(error) if error.raw_os_error() == Some(libc::EACCES) => DENIED.to_owned(),
        Err(error) => error.to_string(),
    }
}

/// `struct tcp_md5sig` for the server's address.
fn md5_key(cell: &Cell) -> Vec<u8> {
    let mut key = vec![0; 216];
    key[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    if let Ok(IpAddr::V4(address)) = cell.address(Side::Server).parse() {
        key[4..8].copy_from_slice(&address.octets());
    }
    // Behind the address of 128 bytes: flags, prefix length, key length, interface, key.
    key[130..132].copy_from_slice(&6_u16.to_ne_bytes());
    key[136..142].copy_from_slice(b"secret");
    key
}

const MARK: u32 = 77;
const DENIED: &str = "EACCES";
const CONNECTED: &str = "connected";
