//! Presets that show while a connection of one subflow carries data.

use super::rig::*;
use crate::common::*;
use crate::recorded::tcp_packets;
use mptcp::sockopt;
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

/// MPTCP is kept, and the box had a hand in it.
pub fn harmless(preset: &str) {
    let Some(rig) = Rig::of(1) else { return };
    let applied = rig.apply(1, preset);
    let (pair, _listener) = rig.connect();
    chat(&pair);
    transfer(&pair, 300_000);
    assert!(is_mptcp(&pair.0) && is_mptcp(&pair.1));
    assert_eq!(rig.server("MPCapableACKRX"), Some(1));
    assert!(rig.lab.applied_hits(&applied).expect("hits") > 0);
    let (name, _) = &applied.boxes()[0];
    rig.assert_recorded_by("rewritten", name);
}

pub fn normaliser(preset: &str) {
    harmless(preset);
    let Some(rig) = Rig::of(1) else { return };
    rig.apply(1, preset);
    let (pair, _listener) = rig.connect();
    transfer(&pair, 20_000);
    for socket in [&pair.0, &pair.1] {
        let subflows = sockopt::tcpinfo(socket).expect("tcpinfo");
        assert!(subflows[0].snd_mss <= 1000, "{:?}", subflows[0].snd_mss);
    }
    let packets = tcp_packets(&rig.lab);
    assert!(packets.iter().all(|packet| packet.tcp().1.len() <= 1000));
}

pub fn lost_data(preset: &str) {
    let Some(rig) = Rig::of(1) else { return };
    let applied = rig.apply(1, preset);
    let (mut pair, _listener) = rig.connect();
    pair.0.write_all(b"lost").expect("write");
    rig.until("the data were sent again", || {
        rig.lab.applied_hits(&applied).expect("hits") >= 2
    });
    pair.1.set_nonblocking(true).expect("nonblocking");
    let nothing = pair.1.read(&mut [0; 4]).expect_err("nothing arrives");
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    assert!(is_mptcp(&pair.0), "it hangs, and does not fall back");
    rig.assert_recorded("drop by drop=data");
}

pub fn stripped_midway(preset: &str) {
    let Some(rig) = Rig::of(1) else { return };
    rig.apply(1, preset);
    let (pair, _listener) = rig.connect();
    chat(&pair);
    transfer(&pair, 200_000);
    assert!(!is_mptcp(&pair.0) && !is_mptcp(&pair.1));
    assert_eq!(rig.server("MPCapableACKRX"), Some(1), "it began as MPTCP");
    rig.assert_recorded("rewritten by strip-after=12");
}

pub fn gateway(preset: &str) {
    let Some(rig) = Rig::of(1) else { return };
    rig.apply(1, preset);
    // Over TCP it does its work and nobody notices.
    let pair = connect(&rig.lab, TCP);
    let (mut client, mut server) = (&pair.0, &pair.1);
    client.write_all(b"a cat, ").expect("write");
    client.write_all(b"a dog").expect("write");
    let mut heard = [0; 14];
    server.read_exact(&mut heard).expect("read");
    assert_eq!(&heard, b"a tiger, a dog");
    drop(pair);
    rig.assert_recorded("rewritten by replace");

    let (pair, _listener) = rig.connect();
    ping_pong(&pair);
    assert!(is_mptcp(&pair.1));
    let mut client = &pair.0;
    client.write_all(b"a cat, ").expect("write");
    client.write_all(b"a dog").expect("write");
    let mut heard = [0; 14];
    (&pair.1).read_exact(&mut heard).expect("read");
    assert_eq!(&heard, b"a tiger, a dog", "changed, and nobody was told");
    // Two bytes without a mapping gave it away.
    assert!(!is_mptcp(&pair.1));
    assert_eq!(rig.server("DSSCorruptionFallback"), Some(1));
}

pub fn coalesce(preset: &str) {
    let Some(rig) = Rig::of(1) else { return };
    rig.apply(1, preset);
    let (pair, _listener) = rig.connect();
    pair.0.set_tcp_nodelay(true).expect("nodelay");
    ping_pong(&pair);
    let mut client = &pair.0;
    // Packets are merged that come within the time; whether these do is up to the machine.
    rig.until("two packets became one", || {
        for part in [b"one", b"two", b"six"] {
            client.write_all(part).expect("write");
        }
        let mut heard = [0; 9];
        (&pair.1).read_exact(&mut heard).expect("read");
        assert_eq!(&heard, b"onetwosix");
        tcp_packets(&rig.lab)
            .iter()
            .any(|packet| packet.comment() == "forged by coalesce" && packet.tcp().1.len() > 4)
    });
    assert!(!is_mptcp(&pair.1), "mappings were lost");
    assert_eq!(rig.server("DSSCorruptionFallback"), Some(1));
}

pub fn unreliable(preset: &str) {
    let Some(rig) = Rig::of(1) else { return };
    let applied = rig.apply(1, preset);
    assert!(applied.boxes().is_empty());
    let (pair, _listener) = rig.connect();
    transfer(&pair, 500_000);
    rig.assert_recorded("drop by loss");
    rig.assert_recorded("duplicate by shape");
    let out_of_order = [
        rig.client("TcpExt:TCPOFOQueue"),
        rig.server("TcpExt:TCPOFOQueue"),
    ];
    assert!(
        out_of_order.iter().flatten().sum::<u64>() > 0,
        "{out_of_order:?}"
    );
    let late = tcp_packets(&rig.lab)
        .iter()
        .filter_map(|packet| packet.due())
        .max();
    assert!(late >= Some(Duration::from_millis(8)), "{late:?}");
}
