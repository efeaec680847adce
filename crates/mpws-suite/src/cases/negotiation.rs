//! Does it speak MPTCP when both, one or neither end can, and does everybody call it by its name?

use mpws_fixture::payload::Payload;
use mpws_peers::protocol::Feature;
use mpws_peers::protocol::SocketProtocol;
use mpws_trace::Cause;

use super::support::{self, V4_AND_V6};
use crate::case::{Case, Expect, Ip, Pairs, Side};
use crate::cell::{Cell, CellEnd, Connect, Count, Serve};
use crate::requirement::{Document, rfc6455, rfc8684, section, socket_option, sysctl};

/// The cases of this family.
pub const CASES: &[Case] = &[
    BOTH_ENDS,
    TCP_SERVER,
    TCP_CLIENT,
    DUAL_STACK_LISTENER,
    SECURE,
    SPLIT_UPGRADE,
    IDENTITY_OF_TCP_CLIENT,
    IDENTITY_BEFORE_CONNECT,
    CHECKSUM_ASKED_BY_CLIENT,
    CHECKSUM_ASKED_BY_SERVER,
    SYN_COOKIES,
];

const BOTH_ENDS: Case = Case {
    slug: "negotiation/both-ends",
    title: "MPTCP at both ends is used from the SYN to the close",
    requirements: &[rfc8684("3.1")],
    why: "This is what a user switches MPTCP on for.",
    ips: V4_AND_V6,
    blind: true,
    transport: Expect::Mptcp,
    outcome: "text and binary messages come back unchanged; both ends close with 1000",
    mutants: &[
        "client-never-asks",
        "server-claims-mptcp",
        "echo-alters",
        "wire-strips-mptcp",
        "client-host-breaks-mptcp",
    ],
    steps: |cell| {
        let server = cell.serve(Serve::echo())?;
        let opened = cell.connect(Connect::default())?;
        support::small_talk(cell, opened.connection)?;
        cell.finish(server, opened.connection)
    },
    ..Case::BASE
};

const TCP_SERVER: Case = Case {
    slug: "negotiation/tcp-server",
    title: "An MPTCP client falls back to TCP when the server listens with TCP",
    requirements: &[rfc8684("3.1").says("a SYN/ACK without MP_CAPABLE means plain TCP")],
    why: "Most servers do not listen with MPTCP; a client that asks for it must still get through.",
    control: false,
    ips: V4_AND_V6,
    blind: true,
    transport: Expect::Fallback(Cause::RemoteIsTcp),
    outcome: "echo works; the client's kernel still names the socket MPTCP (262) and says that it is not one any more",
    mutants: &["server-speaks-mptcp", "client-never-asks"],
    steps: |cell| {
        let server = cell.serve(Serve {
            protocol: Some(SocketProtocol::Tcp),
            ..Serve::echo()
        })?;
        let opened = cell.connect(Connect::default())?;
        support::small_talk(cell, opened.connection)?;
        let facts = support::client_facts(cell, opened.connection)?;
        cell.equal(
            "SO_PROTOCOL of the client after fallback",
            &Some(libc::IPPROTO_MPTCP),
            &facts.so_protocol,
        );
        cell.equal(
            "TCP_IS_MPTCP of the client after fallback",
            &Some(false),
            &facts.is_mptcp,
        );
        if let Some(errno) = facts.mptcp_info_errno {
            cell.record("errno of MPTCP_INFO after fallback", errno);
        }
        cell.finish(server, opened.connection)
    },
    ..Case::BASE
};

const TCP_CLIENT: Case = Case {
    slug: "negotiation/tcp-client",
    title: "A plain TCP client is served by an MPTCP listener",
    requirements: &[rfc8684("3.1").says("without MP_CAPABLE in the SYN the answer carries none")],
    why: "Switching a server to MPTCP must not cost it a single old client.",
    control: false,
    ips: V4_AND_V6,
    blind: true,
    transport: Expect::Tcp(Cause::NeverAsked),
    outcome: "echo works; the accepted socket is plain TCP (SO_PROTOCOL 6)",
    mutants: &["client-speaks-mptcp", "echo-alters"],
    steps: |cell| {
        let server = cell.serve(Serve::echo())?;
        let opened = cell.connect(Connect {
            protocol: Some(SocketProtocol::Tcp),
            ..Connect::default()
        })?;
        support::small_talk(cell, opened.connection)?;
        let accepted = support::accepted_facts(cell, server)?;
        cell.equal(
            "SO_PROTOCOL of the accepted socket",
            &Some(libc::IPPROTO_TCP),
            &accepted.so_protocol,
        );
        cell.finish(server, opened.connection)
    },
    ..Case::BASE
};

const DUAL_STACK_LISTENER: Case = Case {
    slug: "negotiation/dual-stack-listener",
    title: "One listener on :: serves MPTCP and TCP clients of both IP versions",
    requirements: &[rfc8684("3.1"), socket_option("IPV6_V6ONLY", "ipv6(7)")],
    why: "Servers listen on :: with one socket; each of the four kinds of client must get its own transport.",
    network: "one dual-stack path, nothing in the way",
    control: false,
    blind: true,
    transport: Expect::Recorded,
    outcome: "four connections in turn: MPTCP and TCP over IPv6, MPTCP and TCP over IPv4",
    mutants: &["client-never-asks", "wire-strips-mptcp"],
    steps: |cell| {
        cell.set_ip(Ip::V6);
        let server = support::serve_dual_stack(cell, false)?;
        let mut expected = Vec::new();
        let mut seen = 0;
        for ip in [Ip::V6, Ip::V4] {
            for protocol in [SocketProtocol::Mptcp, SocketProtocol::Tcp] {
                cell.set_ip(ip);
                let opened = cell.connect(Connect {
                    protocol: Some(protocol),
                    ..Connect::default()
                })?;
                cell.echo(opened.connection, Payload::Text { size: 100, seed: 4 }, 1)?;
                cell.witness(Some(opened.connection))?;
                seen += 1;
                support::close_cleanly(cell, opened.connection)?;
                cell.server_let_go(server, seen)?;
                expected.push(match protocol {
                    SocketProtocol::Mptcp => Expect::Mptcp,
                    SocketProtocol::Tcp => Expect::Tcp(Cause::NeverAsked),
                });
            }
        }
        cell.expect_each(expected);
        Ok(())
    },
    ..Case::BASE
};

const SECURE: Case = Case {
    slug: "negotiation/wss",
    title: "TLS runs over MPTCP",
    requirements: &[rfc6455("3").says("wss"), rfc8684("3.1")],
    why: "Nearly every WebSocket on the Internet is wss.",
    ips: V4_AND_V6,
    client_needs: &[Feature::Tls],
    server_needs: &[Feature::Tls],
    transport: Expect::Mptcp,
    outcome: "the certificate is checked; messages of up to 100 kB come back unchanged",
    mutants: &["client-never-asks", "echo-alters", "wire-corrupts-payload"],
    steps: |cell| {
        let (server_tls, client_tls) = cell.tls()?;
        let server = cell.serve(Serve {
            tls: Some(server_tls),
            ..Serve::echo()
        })?;
        let opened = cell.connect(Connect {
            tls: Some(client_tls),
            ..Connect::default()
        })?;
        support::small_talk(cell, opened.connection)?;
        cell.echo(
            opened.connection,
            Payload::Binary {
                size: 100_000,
                seed: 3,
            },
            1,
        )?;
        cell.finish(server, opened.connection)
    },
    ..Case::BASE
};

const SPLIT_UPGRADE: Case = Case {
    slug: "negotiation/split-upgrade",
    title: "An upgrade request in five segments is one request",
    requirements: &[section(Document::Rfc9112, "2.2")
        .says("a server reads the head to its empty line, however it arrives")],
    why: "With several subflows a request head may arrive in any number of pieces.",
    pairs: Pairs::Servers,
    client_needs: &[Feature::Script],
    blind: true,
    transport: Expect::Mptcp,
    outcome: "101, then echo; the server accepts one connection",
    mutants: &["client-never-asks", "echo-drops"],
    steps: |cell| {
        let server = cell.serve(Serve::echo())?;
        let mut open = cell.client_open(None);
        open.protocol = Some(cell.protocol());
        open.extra.insert("upgrade_parts".to_owned(), 5.into());
        let opened = cell.ask(Side::Client, &open)?;
        support::small_talk(cell, opened.connection)?;
        let seen = cell.accepted(server)?.len();
        cell.equal("connections that the server saw", &1, &seen);
        cell.finish(server, opened.connection)
    },
    ..Case::BASE
};

const IDENTITY_OF_TCP_CLIENT: Case = Case {
    slug: "negotiation/identity-of-tcp-client",
    title: "A server's API names the protocol of an accepted TCP client as the kernel does",
    requirements: &[socket_option("SO_PROTOCOL", "socket(7)")],
    why: "A server that reports `sock.proto` in its logs counts plain TCP clients as MPTCP, and asyncio decides on TCP_NODELAY by it.",
    pairs: Pairs::Servers,
    control: true,
    blind: true,
    transport: Expect::Recorded,
    outcome: "the runtime's own word for the protocol equals SO_PROTOCOL, which is 6",
    mutants: &["server-misnames-protocol"],
    steps: |cell| {
        let server = cell.serve(Serve::echo())?;
        let opened = cell.connect(Connect {
            protocol: Some(SocketProtocol::Tcp),
            ..Connect::default()
        })?;
        support::small_talk(cell, opened.connection)?;
        let accepted = support::accepted_facts(cell, server)?;
        cell.equal(
            "SO_PROTOCOL of the accepted socket",
            &Some(libc::IPPROTO_TCP),
            &accepted.so_protocol,
        );
        if let Some(word) = accepted.api_protocol {
            cell.equal(
                "the API's word for the accepted socket's protocol",
                &6,
                &word,
            );
        }
        cell.expect_each(vec![Expect::Tcp(Cause::NeverAsked)]);
        cell.finish(server, opened.connection)
    },
    ..Case::BASE
};

const IDENTITY_BEFORE_CONNECT: Case = Case {
    slug: "negotiation/identity-before-connect",
    title: "TCP_IS_MPTCP before connect means asked for, not in use",
    requirements: &[socket_option("TCP_IS_MPTCP", "linux/tcp.h").says("Linux 6.10")],
    why: "A program that asks too early believes that it has MPTCP although it will fall back.",
    pairs: Pairs::Fixtures,
    control: false,
    ips: V4_AND_V6,
    transport: Expect::Fallback(Cause::RemoteIsTcp),
    outcome: "1 on the fresh socket, 0 on the same socket once it is connected to a TCP server",
    mutants: &["server-speaks-mptcp"],
    steps: identity_before_connect,
    ..Case::BASE
};

const CHECKSUM_ASKED_BY_CLIENT: Case = Case {
    slug: "negotiation/checksum-asked-by-client",
    title: "The client alone asks for DSS checksums: both ends use them",
    requirements: &[
        rfc8684("3.1").says("flag A, by which either side may require checksums"),
        sysctl("net.mptcp.checksum_enabled"),
    ],
    why: "Whoever switches checksums on at one end relies on them, and their cost is paid at both.",
    network: "one path, nothing in the way; net.mptcp.checksum_enabled=1 at the client alone",
    pairs: Pairs::Fixtures,
    control: false,
    outcome: "both kernels say that checksums are in use, every mapping bears a right one, and messages come back",
    mutants: &["sysctl-left-on", "echo-alters", "wire-strips-mptcp"],
    steps: |cell| checksum_asked_by(cell, Side::Client),
    ..Case::BASE
};

const CHECKSUM_ASKED_BY_SERVER: Case = Case {
    slug: "negotiation/checksum-asked-by-server",
    title: "The server alone asks for DSS checksums: both ends use them",
    network: "one path, nothing in the way; net.mptcp.checksum_enabled=1 at the server alone",
    steps: |cell| checksum_asked_by(cell, Side::Server),
    ..CHECKSUM_ASKED_BY_CLIENT
};

const SYN_COOKIES: Case = Case {
    slug: "negotiation/syn-cookies",
    title: "The server answers with SYN cookies, and the connection is MPTCP all the same",
    requirements: &[
        rfc8684("3.1")
            .says("the third ACK repeats both keys, so that the server need not remember them"),
        sysctl("net.ipv4.tcp_syncookies"),
    ],
    why: "A flood of SYNs switches cookies on; MPTCP must not vanish with the server's memory of its clients.",
    network: "one path, nothing in the way; net.ipv4.tcp_syncookies=2 at the server",
    pairs: Pairs::Fixtures,
    ips: V4_AND_V6,
    outcome: "the server's kernel counts a cookie that came back; messages come back",
    mutants: &["sysctl-left-on", "echo-alters", "client-never-asks"],
    steps: |cell| {
        // 2: without a flood too.
        cell.sysctl(Side::Server, "net.ipv4.tcp_syncookies", "2")?;
        let server = cell.serve(Serve::echo())?;
        let opened = cell.connect(Connect::default())?;
        support::small_talk(cell, opened.connection)?;
        cell.counted(Side::Server, "TcpExt:SyncookiesRecv", Count::AtLeast(1))?;
        cell.finish(server, opened.connection)
    },
    ..Case::BASE
};

fn identity_before_connect(cell: &mut Cell) -> Result<(), CellEnd> {
    cell.serve(Serve {
        protocol: Some(SocketProtocol::Tcp),
        ..Serve::echo()
    })?;
    let socket = cell
        .socket(Side::Client, SocketProtocol::Mptcp)?
        .done("making a socket")?;
    let before = support::facts(cell, Side::Client, socket)?;
    cell.equal(
        "TCP_IS_MPTCP of a fresh socket",
        &Some(true),
        &before.is_mptcp,
    );
    let how = cell.way();
    let connect = cell.connect_to_server(socket, how);
    cell.ask(Side::Client, &connect)?;
    let after = support::facts(cell, Side::Client, socket)?;
    cell.equal(
        "TCP_IS_MPTCP once connected to a TCP server",
        &Some(false),
        &after.is_mptcp,
    );
    cell.equal(
        "SO_PROTOCOL once connected to a TCP server",
        &Some(libc::IPPROTO_MPTCP),
        &after.so_protocol,
    );
    let mut open = cell.client_open(Some(socket));
    open.protocol = None;
    let opened = cell.ask(Side::Client, &open)?;
    support::small_talk(cell, opened.connection)?;
    support::close_cleanly(cell, opened.connection)
}

/// One side's kernel asks for checksums; both must use them. The judge looks at each mapping's.
fn checksum_asked_by(cell: &mut Cell, side: Side) -> Result<(), CellEnd> {
    cell.sysctl(side, "net.mptcp.checksum_enabled", "1")?;
    let server = cell.serve(Serve::echo())?;
    let opened = cell.connect(Connect::default())?;
    support::small_talk(cell, opened.connection)?;
    cell.finish(server, opened.connection)?;
    let in_use = cell.last_snapshot().map(|snapshot| {
        [&snapshot.client_sockets, &snapshot.server_sockets].map(|sockets| {
            let info = sockets.iter().find_map(|socket| socket.info.as_ref());
            info.and_then(|info| info.csum_enabled)
        })
    });
    for (side, in_use) in ["client", "server"]
        .into_iter()
        .zip(in_use.unwrap_or_default())
    {
        let name = format!("checksums in use, by the {side}'s kernel");
        cell.equal(&name, &Some(true), &in_use);
    }
    Ok(())
}
