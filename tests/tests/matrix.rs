//! The fixtures as a library: policies against servers, over a network of the test's own. This is
//! the example of `docs/fixtures.md`; it needs neither root nor the command.

use std::net::SocketAddr;
use std::time::Duration;

use mpws_fixture::client::ConnectError;
use mpws_fixture::payload::Payload;
use mpws_fixture::policy::{Moment, Transport};
use mpws_fixture::{Client, ClientConfig, ClientConnection, Policy, Server, ServerConfig};
use mpws_lab::rule::{Action, Rewrite, Rule};
use mpws_lab::{Host, Ip, Lab, StartError};
use mpws_trace::{Cause, TransportTruth};
use rstest::rstest;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tracing_test::traced_test;

/// Who the client meets.
#[derive(Clone, Copy, Debug)]
enum Meets {
    MptcpServer,
    TcpServer,
    /// An MPTCP server behind a middlebox that removes MPTCP options from SYNs.
    Middlebox,
}

const PORT: u16 = 8765;
const LIMIT: Duration = Duration::from_secs(10);

#[rstest]
#[tokio::test]
async fn every_policy_gets_from_every_server_what_it_asks_for(
    #[values(Policy::Never, Policy::Prefer, Policy::Require)] policy: Policy,
    #[values(Meets::MptcpServer, Meets::TcpServer, Meets::Middlebox)] meets: Meets,
    #[values(Ip::V4, Ip::V6)] ip: Ip,
) {
    let Some(lab) = lab() else { return };
    if let Meets::Middlebox = meets {
        let strip = Rule::new("strip-syn", Action::Rewrite(Rewrite::StripMptcp)).syn();
        lab.install(&strip).expect("a rule");
    }
    let _server = serve(&lab, ip, !matches!(meets, Meets::TcpServer));
    let opened = open(&lab, ip, policy).await;

    let fell_back = TransportTruth::Fallback {
        cause: match meets {
            Meets::Middlebox => Cause::OptionStrippedSyn,
            _ => Cause::RemoteIsTcp,
        },
    };
    let (word, truth) = match (policy, meets) {
        (Policy::Never, _) => (Some(Transport::Tcp), TransportTruth::Tcp),
        (_, Meets::MptcpServer) => (
            Some(Transport::Mptcp),
            TransportTruth::Mptcp { subflows: 1 },
        ),
        (Policy::Prefer, _) => {
            let seen = Moment::Connected;
            (Some(Transport::Fallback { seen }), fell_back)
        }
        (Policy::Require, _) => (None, fell_back),
    };
    match (word, opened) {
        (Some(word), Ok(connection)) => {
            assert_eq!(connection.report().transport, word);
            echoes(&connection).await;
        }
        (None, Err(ConnectError::FellBack(_))) => {}
        (_, other) => panic!("{other:?}"),
    }
    // Nobody's word alone: the wire tells.
    assert_eq!(on_the_wire(&lab), [truth]);
}

#[tokio::test]
#[traced_test]
async fn a_server_logs_where_and_under_which_policy_it_listens() {
    let Some(lab) = lab() else { return };
    let server = serve(&lab, Ip::V4, true);
    assert!(logs_contain(&server.local_addr().to_string()));
    assert!(logs_contain("policy=Prefer"));
}

#[tokio::test]
async fn both_ends_of_a_connection_live_in_one_test_and_in_two_networks() {
    let Some(lab) = lab() else { return };
    let server = serve(&lab, Ip::V4, true);
    let connection = open(&lab, Ip::V4, Policy::Require).await.expect("MPTCP");
    echoes(&connection).await;
    let closed = connection.close(4000, "done", LIMIT).await;
    assert_eq!(closed.expect("an answer").code, 4000);
    assert!(server.wait(1, 1, LIMIT).await, "the server saw no end");
    let seen = server.connections().remove(0);
    assert_eq!(seen.transport, Transport::Mptcp);
    assert_eq!(seen.received_count, 1);
    assert_eq!(seen.end.expect("an end").reason, "done");
    // This network is not the test's own: nobody listens here.
    let outside = std::net::TcpStream::connect_timeout(
        &SocketAddr::from(([127, 0, 0, 1], server.local_addr().port())),
        LIMIT,
    );
    assert!(outside.is_err());
}

/// Two hosts with one path and MPTCP; `None` where this host cannot have them, and says why.
fn lab() -> Option<Lab> {
    let lab = match Lab::two_hosts(1) {
        Ok(lab) => lab,
        Err(error @ StartError::Unsupported { .. }) => {
            mpws_tests::stage::skip(&format!("{error}"));
            return None;
        }
        Err(error) => panic!("{error:?}"),
    };
    if let Err(error) = socket(&lab.host("client"), Ip::V4, true) {
        mpws_tests::stage::skip(&format!("no MPTCP sockets: {error}"));
        return None;
    }
    Some(lab)
}

/// A stream socket in a host's network; the test itself stays where it is.
fn socket(host: &Host, ip: Ip, mptcp: bool) -> std::io::Result<Socket> {
    let domain = match ip {
        Ip::V4 => Domain::IPV4,
        Ip::V6 => Domain::IPV6,
    };
    let protocol = if mptcp {
        libc::IPPROTO_MPTCP
    } else {
        Protocol::TCP.into()
    };
    let socket = host.socket(domain.into(), Type::STREAM.into(), protocol)?;
    Ok(Socket::from(socket))
}

fn address(lab: &Lab, ip: Ip) -> SocketAddr {
    SocketAddr::new(lab.host("server").address(1, ip), PORT)
}

/// An echo server in the server's network.
fn serve(lab: &Lab, ip: Ip, mptcp: bool) -> Server {
    let listener = socket(&lab.host("server"), ip, mptcp).expect("a socket");
    let address = SockAddr::from(address(lab, ip));
    listener.bind(&address).expect("bind");
    listener.listen(16).expect("listen");
    Server::bind(ServerConfig::from_listener(listener)).expect("a server")
}

/// A client in the client's network.
async fn open(lab: &Lab, ip: Ip, policy: Policy) -> Result<ClientConnection, ConnectError> {
    let address = address(lab, ip);
    let socket = socket(&lab.host("client"), ip, policy != Policy::Never).expect("a socket");
    socket
        .connect_timeout(&address.into(), LIMIT)
        .expect("connect");
    let mut config = ClientConfig::new(format!("ws://{address}/"));
    config.policy = policy;
    config.socket = Some(socket);
    Client::connect(config).await
}

async fn echoes(connection: &ClientConnection) {
    let message = Payload::Text {
        size: 2000,
        seed: 7,
    };
    connection.send(&message, 3, LIMIT).await.expect("sent");
    let answer = connection.receive(LIMIT).await.expect("an answer");
    assert_eq!(answer.digested(), message.digested());
}

/// What carried each connection, as the packets prove it.
fn on_the_wire(lab: &Lab) -> Vec<TransportTruth> {
    let capture = lab.capture().expect("a capture");
    let packets = mpws_trace::read_pcapng(capture).expect("a readable capture");
    let trace = mpws_trace::analyse(&packets);
    trace
        .connections
        .iter()
        .map(|one| one.transport())
        .collect()
}
