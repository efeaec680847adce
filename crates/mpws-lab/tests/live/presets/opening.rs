//! Presets that show while a connection is opened.

use super::rig::*;
use crate::common::*;
use crate::recorded::tcp_packets;
use mptcp::sockopt;
use mpws_lab::Ip;
use std::io::ErrorKind;

/// The client falls back while it connects, and the server knows nothing of MPTCP.
pub fn never_seen_by_the_server(preset: &str) {
    let Some(rig) = Rig::of(1) else { return };
    let applied = rig.apply(1, preset);
    let (pair, _listener) = rig.connect();
    assert!(!is_mptcp(&pair.0) && !is_mptcp(&pair.1));
    assert_eq!(sockopt::so_protocol(&pair.1).expect("protocol"), TCP);
    chat(&pair);
    transfer(&pair, 200_000);
    assert_eq!(rig.client("MPCapableFallbackSYNACK"), Some(1));
    assert_eq!(rig.server("MPCapableSYNRX"), Some(0));
    assert!(rig.lab.applied_hits(&applied).expect("hits") > 0);
    let (name, _) = &applied.boxes()[0];
    let changed = ["rewritten", "forged"].map(|verb| format!("{verb} by {name}"));
    assert!(changed.iter().any(|comment| rig.recorded(comment)));
}

pub fn seen_by_the_server(preset: &str) {
    let Some(rig) = Rig::of(1) else { return };
    rig.apply(1, preset);
    let (pair, _listener) = rig.connect();
    chat(&pair);
    assert!(!is_mptcp(&pair.0) && !is_mptcp(&pair.1));
    assert_eq!(rig.client("MPCapableFallbackSYNACK"), Some(1));
    assert_eq!(rig.server("MPCapableSYNRX"), Some(1));
    assert_eq!(rig.server("MPCapableACKRX"), Some(0));
    rig.assert_recorded("rewritten by strip=syn-ack");
}

pub fn stripped_upwards(preset: &str) {
    let Some(rig) = Rig::of(1) else { return };
    rig.apply(1, preset);
    let (pair, _listener) = rig.connect();
    assert!(is_mptcp(&pair.0), "the client's handshake was whole");
    chat(&pair);
    assert!(!is_mptcp(&pair.0) && !is_mptcp(&pair.1));
    assert_eq!(rig.server("MPCapableFallbackACK"), Some(1));
    rig.assert_recorded("rewritten by strip=data-up");
}

pub fn stripped_downwards(preset: &str) {
    let Some(rig) = Rig::of(1) else { return };
    rig.apply(1, preset);
    let (pair, _listener) = rig.connect();
    assert!(is_mptcp(&pair.0) && is_mptcp(&pair.1));
    chat(&pair);
    assert!(!is_mptcp(&pair.0) && !is_mptcp(&pair.1));
    assert_eq!(rig.client("MPCapableFallbackSYNACK"), Some(0));
    assert_eq!(rig.server("MPCapableACKRX"), Some(1));
    rig.assert_recorded("rewritten by strip=data-down");
}

pub fn lost_syn(preset: &str) {
    let Some(rig) = Rig::of(1) else { return };
    let client = rig.lab.host("client");
    // Kernels without it try again without MPTCP after a fixed number of SYNs, or never.
    let soon = client.set_sysctl("net.mptcp.syn_retrans_before_tcp_fallback", "0");
    if soon.is_err() && rig.client("MPCapableSYNTXDrop").is_none() {
        return skip("this kernel does not try TCP after lost SYNs");
    }
    rig.apply(1, preset);
    let (pair, _listener) = rig.connect();
    chat(&pair);
    assert!(!is_mptcp(&pair.0) && !is_mptcp(&pair.1));
    assert_eq!(rig.client("MPCapableSYNTXDrop"), Some(1));
    assert_eq!(rig.server("MPCapableSYNRX"), Some(0));
    rig.assert_recorded("drop by drop=syn");
}

pub fn reset_syn(preset: &str) {
    let Some(rig) = Rig::of(1) else { return };
    rig.apply(1, preset);
    let (_listener, address) = listen(&rig.lab, 1, Ip::V4, MPTCP);
    let client = socket(&rig.lab.host("client"), Ip::V4, MPTCP);
    let error = client.connect(&address).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(rig.server("MPCapableSYNRX"), Some(0));
    rig.assert_recorded("forged by reset=syn");
    // What does not ask for MPTCP is let by.
    let client = socket(&rig.lab.host("client"), Ip::V4, TCP);
    client.connect(&address).expect("connect");
}

pub fn lost_syn_ack(preset: &str) {
    let Some(rig) = Rig::of(1) else { return };
    let client = rig.lab.host("client");
    // It gives up before it would leave MPTCP out of its SYN.
    client
        .set_sysctl("net.ipv4.tcp_syn_retries", "1")
        .expect("sysctl");
    rig.apply(1, preset);
    let (_listener, address) = listen(&rig.lab, 1, Ip::V4, MPTCP);
    let client = socket(&client, Ip::V4, MPTCP);
    let error = client.connect(&address).expect_err("no answer");
    assert_eq!(error.raw_os_error(), Some(libc::ETIMEDOUT), "{error}");
    assert_eq!(rig.client("MPCapableSYNACKRX"), Some(0));
    assert!(rig.server("MPCapableSYNRX") >= Some(1));
    rig.assert_recorded("drop by drop=syn-ack");
}

pub fn unreachable(preset: &str) {
    let Some(rig) = Rig::of(1) else { return };
    rig.apply(1, preset);
    for ip in [Ip::V4, Ip::V6] {
        let (_listener, address) = listen(&rig.lab, 1, ip, MPTCP);
        let client = socket(&rig.lab.host("client"), ip, MPTCP);
        let error = client.connect(&address).expect_err("no way");
        let expected = match ip {
            Ip::V4 => libc::EHOSTUNREACH,
            Ip::V6 => libc::ENETUNREACH,
        };
        assert_eq!(error.raw_os_error(), Some(expected), "{ip:?}: {error}");
    }
    assert_eq!(rig.server("MPCapableSYNRX"), Some(0));
    let lost = tcp_packets(&rig.lab);
    assert!(
        lost.iter()
            .all(|packet| packet.comment() == "drop by unreachable")
    );
}
