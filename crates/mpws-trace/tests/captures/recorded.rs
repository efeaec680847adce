//! Captures of real connections: Linux 6.18.44 on both ends of a lab with one path.
//!
//! In each, client and server exchange a few messages, unless they cannot; the name says what the
//! wire or an end did.

use mpws_trace::{
    Cause, Connection, Direction, Keep, Options, TransportTruth, analyse, read_pcapng,
};

/// The only connection of a capture in `data`.
fn recorded(name: &str) -> Connection {
    let path = format!(
        "{}/tests/captures/data/{name}.pcapng",
        env!("CARGO_MANIFEST_DIR")
    );
    let file = std::fs::File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let records = read_pcapng(file).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut trace = analyse(&records);
    assert_eq!(trace.connections.len(), 1, "{name}");
    trace.connections.remove(0)
}

fn every(names: &[&str], expected: TransportTruth) {
    for name in names {
        assert_eq!(recorded(name).transport(), expected, "{name}");
    }
}

#[test]
fn mptcp_is_mptcp_even_if_the_third_ack_is_lost_or_payload_is_altered_unnoticed() {
    every(
        &["plain-mptcp", "drop-third-ack", "corrupt"],
        TransportTruth::Mptcp { subflows: 1 },
    );
    let plain = recorded("plain-mptcp");
    assert_eq!(plain.delivered_bytes(Direction::ToResponder), 2200);
    assert_eq!(plain.delivered_bytes(Direction::ToInitiator), 2300);
    assert!(plain.agreed && plain.established && !plain.checksum);
}

#[test]
fn a_client_that_asks_for_tcp_is_tcp_whatever_the_server_is() {
    every(&["plain-tcp", "client-tcp"], TransportTruth::Tcp);
}

#[test]
fn every_way_to_fall_back_has_its_cause() {
    let cases = [
        ("remote-tcp", Cause::RemoteIsTcp),
        ("strip-all", Cause::OptionStrippedSyn),
        ("strip-syn", Cause::OptionStrippedSyn),
        ("strip-synack", Cause::OptionStrippedSynAck),
        ("strip-client", Cause::OptionStrippedClientData),
        ("strip-nonsyn-both", Cause::OptionStrippedClientData),
        ("strip-server", Cause::OptionStrippedServerData),
        ("strip-mid", Cause::FellBackMidStream),
        ("drop-syn", Cause::SynDropped),
        ("syn-proxy", Cause::Proxied),
        ("split-tcp", Cause::Proxied),
        ("version", Cause::OptionChanged),
        ("flip-flags-synack", Cause::OptionChanged),
        ("checksum-corrupt-1", Cause::PayloadChanged),
        ("checksum-corrupt-6", Cause::InfiniteMapping),
    ];
    for (name, cause) in cases {
        every(&[name], TransportTruth::Fallback { cause });
    }
}

#[test]
fn every_way_to_no_connection_has_its_cause() {
    let cases = [
        ("reset-syn", Cause::SynRefused),
        ("drop-synack", Cause::SynAckDropped),
        ("drop-data", Cause::DataDropped),
        ("drop-dss", Cause::DataDropped),
    ];
    for (name, cause) in cases {
        every(&[name], TransportTruth::NotEstablished { cause });
    }
}

#[test]
fn small_writes_are_held_by_nagle_and_not_without_it() {
    // Three bursts; the kernel acknowledges the first at once.
    for (name, held) in [
        ("nagle-tcp", 2),
        ("nagle-mptcp", 2),
        ("nodelay-tcp", 0),
        ("nodelay-mptcp", 0),
    ] {
        let connection = recorded(name);
        assert_eq!(
            connection.nagle_delays(Direction::ToResponder).len(),
            held,
            "{name}"
        );
        assert_eq!(
            connection.nagle_delays(Direction::ToInitiator).len(),
            0,
            "{name}"
        );
    }
}

#[test]
fn data_that_the_kernel_sent_again_on_the_same_subflow_is_put_together_once() {
    // Six compressed messages each way; the last 897 bytes of the long one were sent twice, under
    // new TCP sequence numbers.
    let connection = recorded("data-level-retransmission");
    let found = connection.conversation(&Options {
        keep: Keep::Digest,
        ..Options::default()
    });
    for direction in Direction::BOTH {
        let messages: Vec<_> = found
            .messages(direction)
            .map(|message| {
                (
                    message.is_data(),
                    message.compressed,
                    message.content.is_some(),
                )
            })
            .collect();
        let (close, data) = messages.split_last().expect("messages");
        assert_eq!(data, [(true, true, true); 6], "{direction:?}");
        assert_eq!(*close, (false, false, true), "{direction:?}");
    }
    let [there, back] = Direction::BOTH.map(|direction| {
        let data = found
            .messages(direction)
            .filter(|message| message.is_data());
        data.collect::<Vec<_>>()
    });
    assert!(
        there
            .iter()
            .zip(&back)
            .all(|(one, other)| one.says_the_same(other))
    );
}
