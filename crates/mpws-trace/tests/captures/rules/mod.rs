//! Each rule: a conversation that breaks it, beside one that does not.

mod data;
mod handshake;
mod subflows;
mod websocket;

use mpws_codec::mptcp::{Key, Mapping, MpCapable, MpFastclose, MptcpOption};
use mpws_trace::{Dissection, Offence, Options, Rule, analyse, read_pcapng};

use crate::support::*;

const MASK: [u8; 4] = [1, 2, 3, 4];

fn offences(talks: &[&Talk]) -> Vec<Offence> {
    let mut records: Vec<_> = talks.iter().flat_map(|talk| talk.records.clone()).collect();
    records.sort_by_key(|record| record.time_ns);
    let trace = analyse(&records);
    assert_eq!(trace.connections.len(), 1, "{:?}", trace.connections);
    Dissection::of(&trace.connections[0], &Options::default()).offences
}

/// The rules that a conversation breaks, each once.
fn broken(talks: &[&Talk]) -> Vec<Rule> {
    let mut rules: Vec<Rule> = offences(talks).iter().map(|offence| offence.rule).collect();
    rules.sort();
    rules.dedup();
    rules
}

fn talk(say: impl FnOnce(&mut Talk)) -> Vec<Rule> {
    let mut talk = Talk::new();
    say(&mut talk);
    broken(&[&talk])
}

/// An established connection on which both have spoken.
fn opened() -> Talk {
    let mut talk = Talk::new();
    talk.mptcp_handshake()
        .data(Client, b"request")
        .data(Server, b"answer")
        .ack(Client);
    talk
}

fn after_opening(say: impl FnOnce(&mut Talk)) -> Vec<Rule> {
    let mut talk = opened();
    say(&mut talk);
    broken(&[&talk])
}

/// The handshake with flags and forms of one's own for SYN, SYN/ACK and third ACK.
fn handshake(options: [MpCapable; 3]) -> Vec<Rule> {
    let [syn, syn_ack, ack] = options.map(MptcpOption::MpCapable);
    talk(|talk| {
        talk.packet(Client, "S", &[syn], b"")
            .packet(Server, "SA", &[syn_ack], b"")
            .packet(Client, "A", &[ack], b"")
            .ack(Server);
    })
}

fn honest_handshake() -> [MpCapable; 3] {
    [capable_syn(), capable_syn_ack(), capable_ack()].map(|option| match option {
        MptcpOption::MpCapable(capable) => capable,
        other => panic!("{other:?}"),
    })
}

/// The honest handshake with one change.
fn changed(change: impl FnOnce(&mut [MpCapable; 3])) -> Vec<Rule> {
    let mut options = honest_handshake();
    change(&mut options);
    handshake(options)
}

/// A mapping of the next four bytes of the client, changed.
fn changed_mapping(talk: &Talk, change: impl FnOnce(&mut Mapping)) -> MptcpOption {
    let MptcpOption::Dss(mut dss) = talk.mapping(Client, 4) else {
        panic!("no DSS")
    };
    change(dss.mapping.as_mut().expect("a mapping"));
    MptcpOption::Dss(dss)
}

#[test]
fn an_honest_conversation_breaks_no_rule() {
    assert_eq!(handshake(honest_handshake()), []);
    assert_eq!(after_opening(|_| {}), []);
}

#[test]
fn what_the_wire_made_of_a_packet_is_no_offence_of_its_sender() {
    let rules = after_opening(|talk| {
        talk.data(Client, b"more").rewritten(|options, _| {
            // The reserved bits of the DSS.
            let at = options.iter().position(|byte| *byte == 30).expect("DSS");
            options[at + 2] |= 0x0f;
        });
    });
    assert_eq!(rules, []);
}

#[test]
fn an_offence_says_who_when_and_where_the_rule_stands() {
    let mut talk = opened();
    let close = MptcpOption::MpFastclose(MpFastclose {
        receiver_key: Key(1),
        reserved: 0,
    });
    talk.packet(Server, "A", &[close], b"");
    let offences = offences(&[&talk]);
    assert_eq!(offences.len(), 1);
    assert_eq!(offences[0].time_ns, talk.now_ns);
    assert_eq!(offences[0].direction, mpws_trace::Direction::ToInitiator);
    assert_eq!(
        offences[0].to_string(),
        "MP_FASTCLOSE without the key of its receiver (RFC 8684 section 3.5)"
    );
}

#[test]
fn what_linux_sends_breaks_no_rule() {
    let folder = format!("{}/tests/captures/data", env!("CARGO_MANIFEST_DIR"));
    let mut looked_at = 0;
    for file in std::fs::read_dir(folder).expect("a folder") {
        let path = file.expect("an entry").path();
        let records = read_pcapng(std::fs::File::open(&path).expect("a file")).expect("readable");
        for connection in &analyse(&records).connections {
            let found = Dissection::of(connection, &Options::default()).offences;
            assert_eq!(found, [], "{}", path.display());
            looked_at += 1;
        }
    }
    assert!(looked_at >= 27, "{looked_at}");
}
