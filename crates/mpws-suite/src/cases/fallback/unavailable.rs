//! No MPTCP socket is to be had: switched off, refused by policy, unknown to the runtime.

use mpws_peers::protocol::Feature;
use mpws_peers::protocol::{ClientOpened, SocketConnect, SocketCreate, SocketKind, SocketProtocol};
use mpws_trace::Cause;

use crate::case::{Case, Expect, Pairs, Side};
use crate::cases::support::{self, V4_AND_V6};
use crate::cell::{Cell, CellEnd, Connect, Outcome, Serve};
use crate::requirement::{library, manual, rfc8684, sysctl};

/// The cases of this group.
pub const CASES: &[Case] = &[
    SWITCHED_OFF_AT_CLIENT,
    SWITCHED_OFF_AT_SERVER,
    SWITCHED_OFF_AFTER_LISTEN,
    SWITCHED_OFF_AFTER_SOCKET,
    policy("fallback/policy-eperm", libc::EPERM),
    policy("fallback/policy-eacces", libc::EACCES),
    policy("fallback/policy-enosys", libc::ENOSYS),
    policy("fallback/policy-eprotonosupport", libc::EPROTONOSUPPORT),
    policy("fallback/policy-eafnosupport", libc::EAFNOSUPPORT),
    policy("fallback/policy-einval", libc::EINVAL),
    POLICY_AT_SERVER,
    CONSTANT_MISSING,
];

const SWITCHED_OFF_AT_CLIENT: Case = Case {
    slug: "fallback/switched-off-at-client",
    title: "net.mptcp.enabled=0 at the client: ENOPROTOOPT, then TCP by the application's own choice",
    requirements: &[
        sysctl("net.mptcp.enabled").says("Documentation/networking/mptcp-sysctl.rst of Linux")
    ],
    why: "An administrator may switch MPTCP off; programs must get a clear errno and still connect.",
    network: "one path; MPTCP switched off in the client's namespace",
    pairs: Pairs::Clients,
    control: false,
    ips: V4_AND_V6,
    blind: true,
    transport: Expect::Tcp(Cause::SwitchedOff),
    outcome: "socket() fails with ENOPROTOOPT (92); the TCP connection that follows echoes",
    mutants: &["client-hides-errno", "sysctl-left-on"],
    switched_off: Some(Side::Client),
    steps: |cell| refused_then_tcp(cell, libc::ENOPROTOOPT),
    ..Case::BASE
};

const SWITCHED_OFF_AT_SERVER: Case = Case {
    slug: "fallback/switched-off-at-server",
    title: "net.mptcp.enabled=0 at the server: it listens with TCP, MPTCP clients fall back",
    requirements: &[sysctl("net.mptcp.enabled"), rfc8684("3.1")],
    why: "A server image may run where MPTCP is off; its clients must not notice.",
    network: "one path; MPTCP switched off in the server's namespace",
    pairs: Pairs::Servers,
    control: false,
    blind: true,
    transport: Expect::Fallback(Cause::RemoteIsTcp),
    outcome: "the server's socket() fails with ENOPROTOOPT (92); its TCP listener serves the MPTCP client",
    mutants: &["sysctl-left-on"],
    switched_off: Some(Side::Server),
    steps: |cell| server_refused_then_tcp(cell, libc::ENOPROTOOPT),
    ..Case::BASE
};

const SWITCHED_OFF_AFTER_LISTEN: Case = Case {
    slug: "fallback/switched-off-after-listen",
    title: "Switching MPTCP off does not touch a listener that stands",
    requirements: &[sysctl("net.mptcp.enabled").says("acts on socket(), measured on Linux 6.18")],
    why: "An administrator who switches MPTCP off must know that running servers go on with it until they restart.",
    network: "one path; MPTCP switched off in the server's namespace once it listens",
    pairs: Pairs::Servers,
    control: false,
    blind: true,
    transport: Expect::Mptcp,
    outcome: "the next connection is MPTCP; a new socket fails with ENOPROTOOPT (92)",
    mutants: &["client-never-asks", "sysctl-left-on"],
    steps: |cell| {
        let server = cell.serve(Serve::echo())?;
        cell.sysctl(Side::Server, "net.mptcp.enabled", "0")?;
        refused(cell, Side::Server, libc::ENOPROTOOPT)?;
        let opened = cell.connect(Connect::default())?;
        support::small_talk(cell, opened.connection)?;
        cell.finish(server, opened.connection)
    },
    ..Case::BASE
};

const SWITCHED_OFF_AFTER_SOCKET: Case = Case {
    slug: "fallback/switched-off-after-socket",
    title: "A socket made before MPTCP was switched off still connects with it",
    requirements: &[sysctl("net.mptcp.enabled").says("acts on socket(), measured on Linux 6.18")],
    why: "Pools that make sockets early keep MPTCP longer than the administrator thinks.",
    network: "one path; MPTCP switched off in the client's namespace once it has its socket",
    pairs: Pairs::Clients,
    client_needs: &[Feature::SockHandover],
    control: false,
    transport: Expect::Mptcp,
    outcome: "the connection is MPTCP although the switch is off",
    mutants: &["client-never-asks"],
    steps: |cell| {
        let server = cell.serve(Serve::echo())?;
        let socket = cell
            .socket(Side::Client, SocketProtocol::Mptcp)?
            .done("making the client's socket")?;
        cell.sysctl(Side::Client, "net.mptcp.enabled", "0")?;
        let how = cell.way();
        let connect: SocketConnect = cell.connect_to_server(socket, how);
        cell.ask(Side::Client, &connect)?;
        let open = cell.client_open(Some(socket));
        let opened = cell.ask(Side::Client, &open)?;
        support::small_talk(cell, opened.connection)?;
        cell.finish(server, opened.connection)
    },
    ..Case::BASE
};

const POLICY_AT_SERVER: Case = Case {
    slug: "fallback/policy-at-server",
    title: "A policy refuses MPTCP to the server: it listens with TCP, MPTCP clients fall back",
    requirements: &[
        manual("socket(2)").says("errno of a seccomp filter is the program's to handle")
    ],
    why: "Container profiles and service sandboxes refuse protocols; the server must come up all the same.",
    network: "one path; a seccomp filter in the server refuses protocol 262 with EPERM",
    pairs: Pairs::Servers,
    control: false,
    deny: Some((Side::Server, libc::EPERM)),
    blind: true,
    transport: Expect::Fallback(Cause::RemoteIsTcp),
    outcome: "the server's socket() fails with EPERM (1); its TCP listener serves the MPTCP client",
    mutants: &["filter-left-out"],
    steps: |cell| server_refused_then_tcp(cell, libc::EPERM),
    ..Case::BASE
};

const CONSTANT_MISSING: Case = Case {
    slug: "fallback/constant-missing",
    title: "A runtime without the constant IPPROTO_MPTCP still speaks it by number",
    requirements: &[
        library("Python", "socket").says("IPPROTO_MPTCP since 3.10"),
        manual("socket(2)").says("protocol number 262"),
    ],
    why: "The published recipe fails with AttributeError on Python 3.9 and older; the number works there.",
    network: "one path, nothing in the way; the constant is taken out of the client's socket module",
    pairs: Pairs::Clients,
    client_needs: &[Feature::SockHandover, Feature::ConstantByName],
    control: false,
    env: &[("MPWS_WITHOUT_CONSTANT", "1")],
    transport: Expect::Mptcp,
    outcome: "AttributeError by name, MPTCP by number",
    mutants: &["client-never-asks", "constant-left-in"],
    steps: |cell| {
        let server = cell.serve(Serve::echo())?;
        let by_name = SocketCreate {
            family: cell.family(),
            kind: SocketKind::Stream,
            protocol: SocketProtocol::Mptcp,
            by_constant: true,
        };
        let class = match cell.attempt(Side::Client, &by_name)? {
            Outcome::Done(_) => "none".to_owned(),
            Outcome::Refused(record, _) => record
                .chain
                .first()
                .map_or_else(String::new, |link| link.class.clone()),
        };
        cell.equal(
            "error of the missing constant",
            &"AttributeError",
            &class.as_str(),
        );
        let opened = cell.connect(Connect::default())?;
        support::small_talk(cell, opened.connection)?;
        cell.finish(server, opened.connection)
    },
    ..Case::BASE
};

const fn policy(slug: &'static str, errno: i32) -> Case {
    Case {
        slug,
        title: "A policy refuses MPTCP to the client with this errno; it connects with TCP by its own choice",
        requirements: const {
            &[manual("socket(2)").says("errno of a seccomp filter is the program's to handle")]
        },
        why: "Sandboxes answer with different errnos; a client that knows only one of them dies on the others.",
        network: "one path; a seccomp filter in the client refuses protocol 262 with this errno",
        pairs: Pairs::Clients,
        control: false,
        deny: Some((Side::Client, errno)),
        blind: true,
        transport: Expect::Tcp(Cause::RefusedByPolicy),
        outcome: "socket() fails with exactly this errno; the TCP connection that follows echoes",
        mutants: &["filter-left-out", "client-hides-errno"],
        steps: match errno {
            libc::EPERM => |cell| refused_then_tcp(cell, libc::EPERM),
            libc::EACCES => |cell| refused_then_tcp(cell, libc::EACCES),
            libc::ENOSYS => |cell| refused_then_tcp(cell, libc::ENOSYS),
            libc::EPROTONOSUPPORT => |cell| refused_then_tcp(cell, libc::EPROTONOSUPPORT),
            libc::EAFNOSUPPORT => |cell| refused_then_tcp(cell, libc::EAFNOSUPPORT),
            _ => |cell| refused_then_tcp(cell, libc::EINVAL),
        },
        ..Case::BASE
    }
}

fn refused(cell: &mut Cell, side: Side, errno: i32) -> Result<(), CellEnd> {
    let seen = match cell.socket(side, SocketProtocol::Mptcp)? {
        Outcome::Done(_) => None,
        Outcome::Refused(record, _) => record.chain.iter().find_map(|link| link.errno),
    };
    cell.equal(
        &format!("errno of socket(.., 262) at the {}", side.word()),
        &Some(errno),
        &seen,
    );
    Ok(())
}

fn refused_then_tcp(cell: &mut Cell, errno: i32) -> Result<(), CellEnd> {
    let server = cell.serve(Serve::echo())?;
    refused(cell, Side::Client, errno)?;
    let opened: ClientOpened = if cell.has(Side::Client, Feature::SockHandover) {
        cell.connect(Connect {
            protocol: Some(SocketProtocol::Tcp),
            ..Connect::default()
        })?
    } else {
        // The fixture's own policy `prefer` makes the choice.
        cell.connect(Connect::default())?
    };
    support::small_talk(cell, opened.connection)?;
    cell.finish(server, opened.connection)
}

fn server_refused_then_tcp(cell: &mut Cell, errno: i32) -> Result<(), CellEnd> {
    refused(cell, Side::Server, errno)?;
    let server = cell.serve(Serve {
        protocol: Some(SocketProtocol::Tcp),
        ..Serve::echo()
    })?;
    let opened = cell.connect(Connect::default())?;
    support::small_talk(cell, opened.connection)?;
    cell.finish(server, opened.connection)
}
