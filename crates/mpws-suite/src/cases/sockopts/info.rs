//! What a socket says of its connection: MPTCP_INFO and its kin.

use mptcp::{sockopt, uapi};
use mpws_peers::protocol::SocketProtocol;
use mpws_trace::Cause;
use socket2::Socket;

use super::TCP_INFO;
use super::option::{READ, errno};
use crate::case::{Case, Expect, Ip, Pairs};
use crate::cases::support::V4_AND_V6;
use crate::cell::{Cell, CellEnd, carry, refused};
use crate::requirement::{linux_source, socket_option};

/// The cases of this group.
pub const CASES: &[Case] = &[
    SIZES,
    AFTER_FALLBACK,
    BYTE_COUNTERS,
    ONE_STORY,
    OF_FIRST_SUBFLOW,
];

const BASE: Case = Case {
    requirements: &[linux_source("include/uapi/linux/mptcp.h").says("options of SOL_MPTCP")],
    pairs: Pairs::Fixtures,
    control: false,
    ..Case::BASE
};

const SIZES: Case = Case {
    slug: "sockopts/info-sizes",
    title: "MPTCP_INFO is cut to the buffer that is given, and never written beyond it",
    why: "The structure grows from release to release; programs built for another one must still read what they know.",
    outcome: "for buffers of 0, 1, 44 and 512 bytes: as many bytes as fit, the same ones, and nothing behind them",
    mutants: &["suite-speaks-tcp", "wire-strips-mptcp"],
    steps: |cell| {
        let wired = cell.wired(SocketProtocol::Mptcp, SocketProtocol::Mptcp)?;
        let whole = read_info(&wired.client, 512)?;
        cell.check(
            "length of the structure",
            "at least the 44 bytes that every kernel has",
            &whole.len().to_string(),
            whole.len() >= 44,
        );
        cell.record("length of mptcp_info in bytes", whole.len());
        for size in [0, 1, 44] {
            let part = read_info(&wired.client, size)?;
            cell.equal(&format!("bytes for a buffer of {size}"), &size, &part.len());
            cell.check(
                &format!("content for a buffer of {size}"),
                "the same as in the whole",
                if whole.starts_with(&part) {
                    "the same as in the whole"
                } else {
                    "other bytes"
                },
                whole.starts_with(&part),
            );
        }
        Ok(())
    },
    ..BASE
};

const AFTER_FALLBACK: Case = Case {
    slug: "sockopts/info-after-fallback",
    title: "After a fallback SOL_MPTCP is refused, with an errno that depends on the IP version",
    why: "Programs take the errno for the answer to `is this MPTCP?`; they must know both.",
    ips: V4_AND_V6,
    transport: Expect::Fallback(Cause::RemoteIsTcp),
    outcome: "EOPNOTSUPP (95) over IPv4, ENOPROTOOPT (92) over IPv6, for each of the four options; TCP_INFO still works",
    mutants: &["suite-speaks-mptcp"],
    steps: |cell| {
        let wired = cell.wired(SocketProtocol::Mptcp, SocketProtocol::Tcp)?;
        let expected = match cell.ip() {
            Ip::V4 => "EOPNOTSUPP",
            Ip::V6 => "ENOPROTOOPT",
        };
        let socket = &wired.client;
        let answers = [
            ("MPTCP_INFO", sockopt::info(socket).map(drop)),
            ("MPTCP_TCPINFO", sockopt::tcpinfo(socket).map(drop)),
            (
                "MPTCP_SUBFLOW_ADDRS",
                sockopt::subflow_addrs(socket).map(drop),
            ),
            ("MPTCP_FULL_INFO", sockopt::full_info(socket).map(drop)),
        ];
        for (name, answer) in answers {
            let seen = answer.map_or_else(|error| errno(&error), |()| "an answer".to_owned());
            cell.equal(name, &expected, &seen.as_str());
        }
        let tcp = TCP_INFO.try_on(socket);
        cell.equal("TCP_INFO", &READ, &tcp.as_str());
        Ok(())
    },
    ..BASE
};

const BYTE_COUNTERS: Case = Case {
    slug: "sockopts/byte-counters",
    title: "The byte counters of MPTCP_INFO count what was sent, received and acknowledged, at both ends",
    requirements: &[socket_option("MPTCP_INFO", "linux/mptcp.h")
        .says("mptcpi_bytes_sent, mptcpi_bytes_received and mptcpi_bytes_acked, Linux 6.5")],
    why: "Accounting and dashboards are made of these counters.",
    outcome: "70001 bytes one way and 3001 the other, in all six counters",
    mutants: &["suite-speaks-tcp", "wire-strips-mptcp"],
    steps: |cell| {
        let wired = cell.wired(SocketProtocol::Mptcp, SocketProtocol::Mptcp)?;
        // One byte has crossed each way while the connection was made.
        for _ in 0..7 {
            carry(&wired.client, &wired.server, 10_000)?;
        }
        carry(&wired.server, &wired.client, 3_000)?;
        let ends = [
            ("client", &wired.client, 70_001, 3_001),
            ("server", &wired.server, 3_001, 70_001),
        ];
        for (side, socket, sent, received) in ends {
            // The last acknowledgement is on its way when its data is read.
            let info = cell.wait_for("all bytes to be acknowledged", |_| {
                let info = sockopt::info(socket).map_err(refused("MPTCP_INFO"))?;
                let Some(acked) = info.bytes_acked else {
                    return Err(CellEnd::Unprovable(
                        "this kernel has no byte counters in MPTCP_INFO".to_owned(),
                    ));
                };
                Ok((acked >= sent).then_some(info))
            })?;
            let seen = (info.bytes_sent, info.bytes_received, info.bytes_acked);
            let expected = (Some(sent), Some(received), Some(sent));
            cell.equal(
                &format!("bytes sent, received and acknowledged at the {side}"),
                &expected,
                &seen,
            );
        }
        Ok(())
    },
    ..BASE
};

const ONE_STORY: Case = Case {
    slug: "sockopts/info-tells-one-story",
    title: "MPTCP_FULL_INFO, MPTCP_SUBFLOW_ADDRS, MPTCP_TCPINFO, the socket and inet_diag agree with each other",
    why: "Monitoring reads one of them, the program another; they must speak of the same connection.",
    outcome: "one subflow with the addresses of the socket, established; the same token everywhere",
    mutants: &["suite-speaks-tcp", "wire-strips-mptcp"],
    steps: one_story,
    ..BASE
};

const OF_FIRST_SUBFLOW: Case = Case {
    slug: "sockopts/tcp-info",
    title: "TCP_INFO of an MPTCP socket is that of its first subflow",
    requirements: &[socket_option("TCP_INFO", "tcp(7)")],
    why: "Every load balancer and exporter reads TCP_INFO; on MPTCP it must not be empty or of something else.",
    outcome: "established, and the bytes of TCP_INFO are those of the first element of MPTCP_TCPINFO",
    mutants: &["suite-speaks-tcp", "wire-strips-mptcp"],
    steps: |cell| {
        let wired = cell.wired(SocketProtocol::Mptcp, SocketProtocol::Mptcp)?;
        let bytes = TCP_INFO.read(&wired.client).map_err(refused("TCP_INFO"))?;
        let state = bytes.first().copied();
        cell.equal("tcpi_state", &Some(uapi::TCP_ESTABLISHED), &state);
        let subflows = sockopt::tcpinfo(&wired.client).map_err(refused("MPTCP_TCPINFO"))?;
        let lengths: Vec<usize> = subflows.iter().map(|subflow| subflow.length).collect();
        cell.equal(
            "length of TCP_INFO, and of each of MPTCP_TCPINFO",
            &vec![bytes.len()],
            &lengths,
        );
        cell.record("length of tcp_info in bytes", bytes.len());
        let first = subflows.first();
        let mss_of_subflow = first.map(|subflow| subflow.snd_mss);
        let mss = bytes
            .get(16..20)
            .and_then(|mss| mss.try_into().ok())
            .map(u32::from_ne_bytes);
        cell.equal("tcpi_snd_mss in both", &mss_of_subflow, &mss);
        Ok(())
    },
    ..BASE
};

fn one_story(cell: &mut Cell) -> Result<(), CellEnd> {
    let wired = cell.wired(SocketProtocol::Mptcp, SocketProtocol::Mptcp)?;
    let socket = &wired.client;
    let own = (local(socket)?, remote(socket)?);
    let info = sockopt::info(socket).map_err(refused("MPTCP_INFO"))?;
    let addresses = sockopt::subflow_addrs(socket).map_err(refused("MPTCP_SUBFLOW_ADDRS"))?;
    let addresses: Vec<_> = addresses
        .iter()
        .map(|one| (Some(one.local), Some(one.remote)))
        .collect();
    cell.equal("addresses in MPTCP_SUBFLOW_ADDRS", &vec![own], &addresses);
    let tcp = sockopt::tcpinfo(socket).map_err(refused("MPTCP_TCPINFO"))?;
    let states: Vec<u8> = tcp.iter().map(|one| one.state).collect();
    cell.equal(
        "states in MPTCP_TCPINFO",
        &vec![uapi::TCP_ESTABLISHED],
        &states,
    );
    match sockopt::full_info(socket) {
        Ok(full) => {
            cell.equal("token in MPTCP_FULL_INFO", &info.token, &full.info.token);
            let subflows: Vec<_> = full
                .subflows
                .iter()
                .map(|one| (one.tcp.state, Some(one.addrs.local), Some(one.addrs.remote)))
                .collect();
            cell.equal(
                "subflows in MPTCP_FULL_INFO",
                &vec![(uapi::TCP_ESTABLISHED, own.0, own.1)],
                &subflows,
            );
        }
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {
            cell.record("MPTCP_FULL_INFO", "absent")
        }
        Err(error) => return Err(refused("MPTCP_FULL_INFO")(error)),
    }
    cell.witness(None)?;
    let listed = cell.last_snapshot().map(|snapshot| {
        let sockets = snapshot.client_sockets.iter();
        sockets
            .map(|one| (Some(one.local), Some(one.remote)))
            .collect::<Vec<_>>()
    });
    cell.equal(
        "the client's MPTCP sockets in inet_diag",
        &Some(vec![own]),
        &listed,
    );
    Ok(())
}

/// `MPTCP_INFO` with a buffer of this size. What lies behind the buffer must stay as it was.
fn read_info(socket: &Socket, size: usize) -> Result<Vec<u8>, CellEnd> {
    let mut room = vec![GUARD; size + 64];
    let length = sockopt::bytes(socket, uapi::SOL_MPTCP, uapi::MPTCP_INFO, &mut room[..size])
        .map_err(refused("MPTCP_INFO"))?;
    if room[size..].iter().any(|&byte| byte != GUARD) {
        return Err(CellEnd::Failed(format!(
            "the kernel wrote beyond a buffer of {size} bytes"
        )));
    }
    room.truncate(length);
    Ok(room)
}

fn local(socket: &Socket) -> Result<Option<std::net::SocketAddr>, CellEnd> {
    Ok(socket
        .local_addr()
        .map_err(refused("getsockname()"))?
        .as_socket())
}

fn remote(socket: &Socket) -> Result<Option<std::net::SocketAddr>, CellEnd> {
    Ok(socket
        .peer_addr()
        .map_err(refused("getpeername()"))?
        .as_socket())
}

/// What lies behind a buffer, to see whether it is touched.
const GUARD: u8 = 0xa5;
