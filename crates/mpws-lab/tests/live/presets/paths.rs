//! Presets that show on one of two paths.

use super::rig::*;
use crate::common::*;
use crate::recorded::tcp_packets;
use mptcp::pm::EventKind;
use mpws_lab::middlebox::{BalanceBy, Middlebox};
use mpws_lab::{Ip, Lab};

/// The first path dies after the join, and the second carries on.
pub fn other_path_goes_on(preset: &str) {
    let Some(rig) = Rig::of(2) else { return };
    let (pair, _events, _listener) = rig.joined();
    rig.apply(1, preset);
    // Which path the kernel takes for a message is its own choice.
    rig.until("data were sent again on the other path", || {
        transfer(&pair, 100_000);
        rig.client("MPTCPRetrans").max(rig.server("MPTCPRetrans")) >= Some(1)
    });
    assert!(is_mptcp(&pair.0) && is_mptcp(&pair.1));
    rig.assert_recorded("drop by blackhole");
}

pub fn pmtu_black_hole(preset: &str) {
    let Some(rig) = Rig::of(2) else { return };
    let (pair, _events, _listener) = rig.joined();
    rig.apply(1, preset);
    rig.until("the first path was tried", || {
        transfer(&pair, 100_000);
        rig.recorded("drop by mtu")
    });
    assert!(is_mptcp(&pair.0) && is_mptcp(&pair.1));
    assert!(!rig.recorded("forged by mtu"), "nobody was told");
}

pub fn subflow_ends(preset: &str) {
    let Some(rig) = Rig::of(2) else { return };
    let applied = rig.apply(1, preset);
    let (pair, mut events, _listener) = rig.joined();
    rig.until("the subflow ended", || {
        transfer(&pair, 100_000);
        happened(&mut events, EventKind::SubflowClosed)
    });
    chat(&pair);
    assert!(is_mptcp(&pair.0) && is_mptcp(&pair.1));
    assert!(rig.lab.applied_hits(&applied).expect("hits") > 0);
    let (name, _) = &applied.boxes()[0];
    let packets = tcp_packets(&rig.lab);
    let reset = packets.iter().any(|packet| {
        packet.interface == 0 && packet.tcp().0.contains('R') && packet.comment().ends_with(name)
    });
    assert!(reset, "the end of the subflow was a reset");
}

pub fn join_through_nat(preset: &str) {
    let Some(rig) = Rig::of(2) else { return };
    rig.apply(1, preset);
    rig.apply(2, preset);
    let (pair, _events, _listener) = rig.joined();
    chat(&pair);
    transfer(&pair, 100_000);
    assert!(is_mptcp(&pair.0) && is_mptcp(&pair.1));
    let seen = pair.1.peer_addr().expect("peer").as_socket().expect("IP");
    let own = pair.0.local_addr().expect("own").as_socket().expect("IP");
    assert_eq!(seen.ip().to_string(), "10.1.0.100");
    assert_ne!(seen.port(), own.port());
    rig.assert_recorded("rewritten by nat");
    // Neighbour discovery too finds the translator.
    let six = connect_by(&rig.lab, 2, Ip::V6, MPTCP);
    ping_pong(&six);
    let seen = six.1.peer_addr().expect("peer").as_socket().expect("IP");
    assert_eq!(seen.ip().to_string(), "fd00:2::64");
}

pub fn conntrack(preset: &str) {
    let Some(rig) = Rig::of(2) else { return };
    let boxes = [1, 2].map(|path| rig.apply(path, preset));
    let (pair, _events, _listener) = rig.joined();
    chat(&pair);
    transfer(&pair, 300_000);
    for applied in &boxes {
        assert_eq!(rig.lab.applied_hits(applied).expect("hits"), 0);
    }
    assert!(is_mptcp(&pair.0) && is_mptcp(&pair.1));
    // A box that was not there when the subflow began cuts it off; the other path goes on.
    let [first, _second] = boxes;
    rig.lab.lift(first).expect("lifted");
    let anew = rig.apply(1, preset);
    rig.until("the subflow was cut off", || {
        transfer(&pair, 100_000);
        rig.lab.applied_hits(&anew).expect("hits") > 0
    });
    rig.assert_recorded("drop by conntrack");
}

pub fn balance(preset: &str) {
    let Some(rig) = Rig::of(2) else { return };
    rig.apply(2, preset);
    rig.announce_second_path();
    let (_second, _) = listen(&rig.lab, 2, Ip::V4, MPTCP);
    let (pair, _listener) = rig.connect();
    ping_pong(&pair);
    rig.until("the join was reset", || rig.recorded("forged by balance"));
    chat(&pair);
    assert!(is_mptcp(&pair.0) && is_mptcp(&pair.1));
    assert_eq!(rig.client("MPJoinSynAckRx"), Some(0));
    assert_eq!(rig.server("MPJoinSynRx"), Some(0));
}

#[test]
fn a_join_that_is_sent_to_a_real_other_server_finds_no_token_there() {
    let lab = Lab::builder()
        .host("client")
        .host("server")
        .host("other")
        .path("client", "server")
        .path("client", "server")
        .path("client", "other");
    let Some(rig) = Rig::with(lab) else {
        return;
    };
    let what = Middlebox::Balance {
        to: Some(3),
        by: BalanceBy::Joins,
    };
    rig.lab.place(2, &what).expect("box");
    let other = rig.lab.host("other");
    let listener = socket(&other, Ip::V4, MPTCP);
    let address = std::net::SocketAddr::new(other.address(3, Ip::V4), PORT);
    listener.bind(&address.into()).expect("bind");
    listener.listen(16).expect("listen");
    rig.announce_second_path();
    let (_second, _) = listen(&rig.lab, 2, Ip::V4, MPTCP);
    let (pair, _listener) = rig.connect();
    ping_pong(&pair);
    rig.until("the other server looked for the token", || {
        let counters = other.counters().expect("counters");
        counters.value("MPJoinNoTokenFound") == Some(1)
    });
    chat(&pair);
    assert!(is_mptcp(&pair.0) && is_mptcp(&pair.1));
    assert_eq!(rig.client("MPJoinSynAckRx"), Some(0));
}

pub fn lost_announcement(preset: &str) {
    let Some(rig) = Rig::of(2) else { return };
    let server = rig.lab.host("server");
    server
        .set_sysctl("net.mptcp.add_addr_timeout", "1")
        .expect("sysctl");
    let applied = rig.apply(1, preset);
    rig.announce_second_path();
    let (pair, _listener) = rig.connect();
    ping_pong(&pair);
    rig.until("the announcement was repeated", || {
        rig.lab.applied_hits(&applied).expect("hits") >= 2
    });
    chat(&pair);
    assert!(is_mptcp(&pair.0) && is_mptcp(&pair.1));
    assert_eq!(rig.client("AddAddr"), Some(0));
    assert_eq!(rig.server("EchoAdd"), Some(0));
    rig.assert_recorded("drop by drop=add_addr");
}

pub fn lost_withdrawal(preset: &str) {
    let Some(rig) = Rig::of(2) else { return };
    let (pair, _events, _listener) = rig.joined();
    let boxes = [1, 2].map(|path| rig.apply(path, preset));
    let server = rig.lab.host("server");
    let mut manager = server.path_manager().expect("path manager");
    manager.delete_endpoint(ENDPOINT).expect("delete");
    rig.until("the withdrawal was lost", || {
        let hits = boxes
            .iter()
            .map(|one| rig.lab.applied_hits(one).expect("hits"));
        hits.sum::<u64>() > 0
    });
    chat(&pair);
    assert!(is_mptcp(&pair.0) && is_mptcp(&pair.1));
    assert_eq!(rig.client("RmAddr"), Some(0));
    rig.assert_recorded("drop by drop=remove_addr");
}
