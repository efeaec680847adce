//! The fixture of the catalogue, launched from this very executable.

use std::time::Duration;

use crate::support;
use mpws_fixture::payload::Payload;
use mpws_fixture::script::Behaviour;
use mpws_lab::{Exit, Ip};
use mpws_peers::protocol::{
    ClientOpen, ConnectionReceive, ConnectionSend, ServerStart, SocketProtocol,
};
use mpws_peers::{Catalogue, LaunchOptions, Launcher, StateFolder};

#[test]
fn two_fixtures_talk_over_mptcp_from_host_to_host() {
    let Some(lab) = support::lab() else { return };
    let folder = tempfile::tempdir().unwrap();
    let launcher = Launcher::process(StateFolder::new(folder.path()).unwrap()).unwrap();
    let catalogue = Catalogue::builtin().unwrap();
    let spec = catalogue.peer("fixture").unwrap();
    launcher
        .prepare(spec, &|line| panic!("nothing to prepare: {line}"))
        .unwrap();
    let options = LaunchOptions {
        scratch: Some(folder.path().to_owned()),
        ..LaunchOptions::default()
    };
    let launch = |host: &str| launcher.launch(spec, &lab.host(host), &options).unwrap();
    let (server, client) = (launch("server"), launch("client"));
    assert_eq!(client.hello().implementation, "fixture");

    let address = lab.host("server").address(1, Ip::V4).to_string();
    let start: ServerStart = serde_json::from_value(serde_json::json!({
        "host": address, "port": 0, "protocol": "mptcp", "behaviour": Behaviour::Echo,
        "open_timeout_ms": 2000, "close_timeout_ms": 1000,
    }))
    .unwrap();
    let started = server.call(&start).unwrap();
    let open: ClientOpen = serde_json::from_value(serde_json::json!({
        "uri": format!("ws://{}/", started.addresses[0]), "protocol": SocketProtocol::Mptcp,
        "open_timeout_ms": 2000, "close_timeout_ms": 1000,
    }))
    .unwrap();
    let opened = client.call(&open).unwrap();
    assert_eq!(opened.facts.is_mptcp, Some(true));
    let connection = opened.connection;
    let message = Payload::Binary {
        size: 100_000,
        seed: 1,
    };
    let send = ConnectionSend {
        connection,
        message: message.clone(),
        fragments: 1,
        deadline_ms: 2000,
    };
    client.call(&send).unwrap();
    let receive = ConnectionReceive {
        connection,
        deadline_ms: 2000,
    };
    let echoed = client.call(&receive).unwrap();
    assert_eq!(echoed, message.digested());
    for peer in [client, server] {
        assert_eq!(
            peer.shutdown(Duration::from_secs(5)).unwrap(),
            Exit::Code(0)
        );
    }
}
