//! Every outcome and every cause that packets can show, a row for each condition of the decision: a
//! row that would come out otherwise if the condition were left out.

use mpws_codec::mptcp::{DataSeq, Dss, Mapping, MptcpOption, SubflowSeq, WireSeq};
use mpws_trace::{Cause, PacketRecord, TransportTruth, analyse};

use crate::support::*;

/// What happens, the packets of it, and what they show.
type Row = (&'static str, fn() -> Vec<PacketRecord>, TransportTruth);

fn judge(rows: &[Row]) {
    for (what, packets, expected) in rows {
        let trace = analyse(&packets());
        assert_eq!(trace.connections.len(), 1, "{what}");
        assert_eq!(trace.connections[0].transport(), *expected, "{what}");
    }
}

fn talk(make: impl FnOnce(&mut Talk)) -> Vec<PacketRecord> {
    let mut talk = Talk::new();
    make(&mut talk);
    talk.records
}

/// An MPTCP connection on which both ends have sent data.
fn in_use(make: impl FnOnce(&mut Talk)) -> Vec<PacketRecord> {
    talk(|talk| {
        talk.mptcp_handshake()
            .data(Client, b"request")
            .data(Server, b"answer");
        make(talk);
    })
}

/// The same, with a second subflow that `join` opens, and what happens on the first one after that.
fn joined(join: fn(&mut Talk), then: fn(&mut Talk)) -> Vec<PacketRecord> {
    let mut first = Talk::new();
    first
        .mptcp_handshake()
        .data(Client, b"request")
        .data(Server, b"answer");
    let mut second = first.joined("10.0.2.1:40001", "10.0.2.2:8080");
    join(&mut second);
    first.now_ns = second.now_ns;
    first.data = second.data;
    then(&mut first);
    [first.records, second.records].concat()
}

/// A subflow that carries data.
fn complete(talk: &mut Talk) {
    talk.join_handshake().data(Client, b"over path two");
}

/// The wire takes the options out of the client's data, and the server resets the subflow.
fn stripped_and_reset(talk: &mut Talk) {
    talk.data(Client, b"more")
        .stripped()
        .packet(Server, "R", &[], b"");
}

fn mp_fail() -> MptcpOption {
    MptcpOption::MpFail {
        reserved: 0,
        data_seq: DataSeq(1),
    }
}

fn infinite() -> MptcpOption {
    MptcpOption::Dss(Dss {
        data_ack: None,
        mapping: Some(Mapping {
            data_seq: WireSeq::Short(1),
            subflow_seq: SubflowSeq(8),
            length: 0,
            checksum: None,
        }),
        data_fin: false,
        reserved: 0,
    })
}

/// A DSS without a mapping.
fn acknowledges(talk: &Talk, from: Side) -> MptcpOption {
    MptcpOption::Dss(Dss {
        data_ack: Some(WireSeq::Short(talk.data[1 - from as usize] as u32)),
        mapping: None,
        data_fin: false,
        reserved: 0,
    })
}

/// Gives the DSS of a packet, which must be its first MPTCP option, another reserved bit.
fn changed_dss(options: &mut [u8], _: &mut [u8]) {
    options[2] ^= 0x01;
}

/// Gives MP_CAPABLE in a SYN, which stands behind the MSS option, another version.
fn changed_version(options: &mut [u8], _: &mut [u8]) {
    options[4 + 2] ^= 0x01;
}

/// Both SYNs ask for checksums.
fn with_checksums(talk: &mut Talk) -> &mut Talk {
    let asking = |form| {
        let MptcpOption::MpCapable(mut capable) = form else {
            panic!("no MP_CAPABLE")
        };
        capable.flags.0 |= 0x80;
        MptcpOption::MpCapable(capable)
    };
    talk.packet(Client, "S", &[asking(capable_syn())], b"")
        .packet(Server, "SA", &[asking(capable_syn_ack())], b"")
        .packet(Client, "A", &[asking(capable_ack())], b"")
}

fn corrupted(_: &mut [u8], payload: &mut [u8]) {
    payload[0] ^= 1;
}

const fn fallback(cause: Cause) -> TransportTruth {
    TransportTruth::Fallback { cause }
}

const fn none(cause: Cause) -> TransportTruth {
    TransportTruth::NotEstablished { cause }
}

const fn mptcp(subflows: u32) -> TransportTruth {
    TransportTruth::Mptcp { subflows }
}

#[test]
fn what_is_no_connection_says_why() {
    judge(&[
        (
            "no SYN and no DSS",
            || {
                talk(|talk| {
                    talk.packet(Client, "A", &[], b"request");
                })
            },
            none(Cause::NotCaptured),
        ),
        (
            "no SYN, DSS of one end alone",
            || {
                talk(|talk| {
                    talk.data(Client, b"request");
                })
            },
            none(Cause::NotCaptured),
        ),
        (
            "no SYN, DSS of both ends",
            || {
                talk(|talk| {
                    talk.data(Client, b"request").data(Server, b"answer");
                })
            },
            mptcp(1),
        ),
        (
            "the SYN is answered with a reset",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"")
                        .packet(Server, "RA", &[], b"");
                })
            },
            none(Cause::SynRefused),
        ),
        (
            "a reset after the SYN/ACK is no refusal of the SYN",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"")
                        .packet(Server, "SA", &[capable_syn_ack()], b"")
                        .packet(Server, "R", &[], b"");
                })
            },
            none(Cause::PeerSilent),
        ),
        (
            "the client's own reset is no refusal either",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"")
                        .packet(Client, "R", &[], b"");
                })
            },
            none(Cause::PeerSilent),
        ),
        (
            "a reset that is lost refuses nothing",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"")
                        .packet(Server, "RA", &[], b"")
                        .dropped();
                })
            },
            none(Cause::PeerSilent),
        ),
        (
            "every SYN is lost",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"").dropped();
                })
            },
            none(Cause::SynDropped),
        ),
        (
            "a SYN arrives at the second attempt, and nobody answers",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"").dropped();
                    talk.again(Client, "S", &[capable_syn()], b"");
                })
            },
            none(Cause::PeerSilent),
        ),
        (
            "every SYN/ACK is lost",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"")
                        .packet(Server, "SA", &[capable_syn_ack()], b"")
                        .dropped();
                })
            },
            none(Cause::SynAckDropped),
        ),
        (
            "a SYN/ACK arrives at the second attempt, and the client is silent",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"")
                        .packet(Server, "SA", &[capable_syn_ack()], b"")
                        .dropped();
                    talk.again(Server, "SA", &[capable_syn_ack()], b"");
                })
            },
            none(Cause::PeerSilent),
        ),
        (
            "the third ACK is lost",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"")
                        .packet(Server, "SA", &[capable_syn_ack()], b"")
                        .packet(Client, "A", &[capable_ack()], b"")
                        .dropped();
                })
            },
            none(Cause::DataDropped),
        ),
        (
            "a reset of the client is no third ACK",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"")
                        .packet(Server, "SA", &[capable_syn_ack()], b"")
                        .packet(Client, "RA", &[], b"");
                })
            },
            none(Cause::PeerSilent),
        ),
        (
            "nor is a SYN/ACK of the client",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"")
                        .packet(Server, "SA", &[capable_syn_ack()], b"")
                        .packet(Client, "SA", &[], b"");
                })
            },
            none(Cause::PeerSilent),
        ),
        (
            "nor is a packet without ACK",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"")
                        .packet(Server, "SA", &[capable_syn_ack()], b"")
                        .packet(Client, "", &[], b"");
                })
            },
            none(Cause::PeerSilent),
        ),
        (
            "an ACK without a SYN/ACK confirms nothing",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"")
                        .packet(Client, "A", &[], b"");
                })
            },
            none(Cause::PeerSilent),
        ),
        (
            "all data of the client is lost",
            || {
                talk(|talk| {
                    talk.mptcp_handshake().data(Client, b"request").dropped();
                })
            },
            none(Cause::DataDropped),
        ),
        (
            "all data of the server is lost",
            || {
                talk(|talk| {
                    talk.mptcp_handshake()
                        .data(Client, b"request")
                        .data(Server, b"answer")
                        .dropped();
                })
            },
            none(Cause::DataDropped),
        ),
        (
            "some data is lost",
            || {
                in_use(|talk| {
                    talk.data(Client, b"more").dropped();
                })
            },
            mptcp(1),
        ),
        (
            "a bare ACK is lost",
            || {
                talk(|talk| {
                    talk.mptcp_handshake().ack(Client).dropped();
                })
            },
            mptcp(0),
        ),
        (
            "all data of the first subflow is lost, and that of the second arrives",
            || {
                let mut first = Talk::new();
                first.mptcp_handshake().data(Client, b"request").dropped();
                let mut second = first.joined("10.0.2.1:40001", "10.0.2.2:8080");
                complete(&mut second);
                [first.records, second.records].concat()
            },
            mptcp(1),
        ),
    ]);
}

#[test]
fn what_was_never_asked_for_is_tcp() {
    judge(&[
        (
            "plain TCP",
            || {
                talk(|talk| {
                    talk.tcp_handshake().packet(Client, "A", &[], b"request");
                })
            },
            TransportTruth::Tcp,
        ),
        (
            "a join alone was asked for",
            || {
                talk(|talk| {
                    talk.join_handshake().data(Client, b"more");
                })
            },
            mptcp(1),
        ),
    ]);
}

#[test]
fn handshakes_that_lose_mptcp_say_where() {
    judge(&[
        (
            "a machine on the way answers for the server and asks in the client's name",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"").dropped();
                    talk.packet(Server, "SA", &[], b"")
                        .comment("forged by rule");
                    talk.again(Client, "S", &[], b"").comment("forged by rule");
                    talk.packet(Client, "A", &[], b"");
                })
            },
            fallback(Cause::Proxied),
        ),
        (
            "only the SYN/ACK was made up",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"");
                    talk.packet(Server, "SA", &[], b"")
                        .comment("forged by rule");
                    talk.packet(Client, "A", &[], b"");
                })
            },
            fallback(Cause::RemoteIsTcp),
        ),
        (
            "only a later SYN was made up",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"");
                    talk.again(Client, "S", &[], b"").comment("forged by rule");
                    talk.packet(Server, "SA", &[], b"")
                        .comment("forged by rule");
                    talk.packet(Client, "A", &[], b"");
                })
            },
            fallback(Cause::RemoteIsTcp),
        ),
        (
            "MP_CAPABLE is taken out of the SYN",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"").stripped();
                    talk.packet(Server, "SA", &[], b"")
                        .packet(Client, "A", &[], b"");
                })
            },
            fallback(Cause::OptionStrippedSyn),
        ),
        (
            "MP_CAPABLE is taken out of SYN and SYN/ACK",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"").stripped();
                    talk.packet(Server, "SA", &[capable_syn_ack()], b"")
                        .stripped();
                    talk.packet(Client, "A", &[], b"");
                })
            },
            fallback(Cause::OptionStrippedBoth),
        ),
        (
            "the same, with a further SYN that arrives whole",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"").stripped();
                    talk.again(Client, "S", &[capable_syn()], b"");
                    talk.packet(Server, "SA", &[capable_syn_ack()], b"")
                        .stripped();
                    talk.packet(Client, "A", &[], b"");
                })
            },
            fallback(Cause::OptionStrippedBoth),
        ),
        (
            "every SYN with MP_CAPABLE is lost, and the answer to a plain one loses its own",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"").dropped();
                    talk.again(Client, "S", &[], b"");
                    talk.packet(Server, "SA", &[capable_syn_ack()], b"")
                        .stripped();
                    talk.packet(Client, "A", &[], b"");
                })
            },
            fallback(Cause::SynDropped),
        ),
        (
            "every SYN with MP_CAPABLE is lost, and a plain one arrives",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"").dropped();
                    talk.again(Client, "S", &[], b"");
                    talk.packet(Server, "SA", &[], b"")
                        .packet(Client, "A", &[], b"");
                })
            },
            fallback(Cause::SynDropped),
        ),
        (
            "the server answers without MP_CAPABLE",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"")
                        .packet(Server, "SA", &[], b"")
                        .packet(Client, "A", &[], b"");
                })
            },
            fallback(Cause::RemoteIsTcp),
        ),
        (
            "the server answers a changed MP_CAPABLE without it",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"")
                        .rewritten(changed_version);
                    talk.packet(Server, "SA", &[], b"")
                        .packet(Client, "A", &[], b"");
                })
            },
            fallback(Cause::OptionChanged),
        ),
        (
            "an option of the server is changed, and it answered without MP_CAPABLE",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"")
                        .packet(Server, "SA", &[], b"")
                        .packet(Client, "A", &[], b"");
                    talk.ack(Server).rewritten(changed_dss);
                })
            },
            fallback(Cause::RemoteIsTcp),
        ),
        (
            "MP_CAPABLE is taken out of the SYN/ACK",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"")
                        .packet(Server, "SA", &[capable_syn_ack()], b"")
                        .stripped();
                    talk.packet(Client, "A", &[], b"");
                })
            },
            fallback(Cause::OptionStrippedSynAck),
        ),
        (
            "SYN/ACKs with MP_CAPABLE are lost, and a plain one arrives",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"")
                        .packet(Server, "SA", &[capable_syn_ack()], b"")
                        .dropped();
                    talk.again(Server, "SA", &[], b"")
                        .packet(Client, "A", &[], b"");
                })
            },
            fallback(Cause::SynAckDropped),
        ),
        (
            "the client stops asking because SYN/ACKs are lost",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"");
                    talk.packet(Server, "SA", &[capable_syn_ack()], b"")
                        .dropped();
                    talk.again(Client, "S", &[], b"")
                        .again(Server, "SA", &[capable_syn_ack()], b"")
                        .packet(Client, "A", &[], b"");
                })
            },
            fallback(Cause::SynAckDropped),
        ),
        (
            "the client stops asking because SYNs are lost, one of which arrives late",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"").dropped();
                    talk.again(Client, "S", &[capable_syn()], b"");
                    talk.again(Client, "S", &[], b"")
                        .packet(Server, "SA", &[capable_syn_ack()], b"")
                        .packet(Client, "A", &[], b"");
                })
            },
            fallback(Cause::SynDropped),
        ),
        (
            "a client that asked plainly as well, and that agreed, gives up by itself",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"");
                    talk.again(Client, "S", &[], b"")
                        .packet(Server, "SA", &[capable_syn_ack()], b"")
                        .packet(Client, "A", &[capable_ack()], b"")
                        .packet(Client, "A", &[], b"request");
                })
            },
            fallback(Cause::FellBackEarly),
        ),
        (
            "the client answers MP_CAPABLE without it",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"")
                        .packet(Server, "SA", &[capable_syn_ack()], b"")
                        .packet(Client, "A", &[], b"");
                })
            },
            fallback(Cause::FellBackEarly),
        ),
    ]);
}

#[test]
fn connections_that_lose_mptcp_later_say_how() {
    judge(&[
        (
            "the client announces an infinite mapping",
            || {
                in_use(|talk| {
                    talk.packet(Client, "A", &[infinite()], b"");
                })
            },
            fallback(Cause::InfiniteMapping),
        ),
        (
            "the server announces one",
            || {
                in_use(|talk| {
                    talk.packet(Server, "A", &[infinite()], b"");
                })
            },
            fallback(Cause::InfiniteMapping),
        ),
        (
            "an infinite mapping that is lost is as good as none",
            || {
                in_use(|talk| {
                    talk.packet(Client, "A", &[infinite()], b"").dropped();
                })
            },
            mptcp(1),
        ),
        (
            "MP_FAIL of the server, and data of the client without mapping",
            || {
                in_use(|talk| {
                    talk.packet(Server, "A", &[mp_fail()], b"")
                        .packet(Client, "A", &[], b"more");
                })
            },
            fallback(Cause::InfiniteMapping),
        ),
        (
            "MP_FAIL of the client, and data of the server without mapping",
            || {
                in_use(|talk| {
                    talk.packet(Client, "A", &[mp_fail()], b"")
                        .packet(Server, "A", &[], b"more");
                })
            },
            fallback(Cause::InfiniteMapping),
        ),
        (
            "the network takes options out of what the client sends first",
            || {
                talk(|talk| {
                    talk.mptcp_handshake().data(Client, b"request").stripped();
                })
            },
            fallback(Cause::OptionStrippedClientData),
        ),
        (
            "the network takes options out of what the server sends first",
            || {
                talk(|talk| {
                    talk.mptcp_handshake()
                        .data(Client, b"request")
                        .data(Server, b"answer")
                        .stripped();
                })
            },
            fallback(Cause::OptionStrippedServerData),
        ),
        (
            "it does so once MPTCP is in use",
            || {
                in_use(|talk| {
                    talk.data(Server, b"more").stripped();
                })
            },
            fallback(Cause::FellBackMidStream),
        ),
        (
            "it takes MP_CAPABLE out of the first data, which maps it",
            || {
                talk(|talk| {
                    talk.mptcp_handshake()
                        .packet(Client, "A", &[capable_data(7)], b"request")
                        .stripped();
                })
            },
            fallback(Cause::OptionStrippedClientData),
        ),
        (
            "the network changes payload under checksums",
            || {
                talk(|talk| {
                    with_checksums(talk)
                        .data(Client, b"request")
                        .rewritten(corrupted);
                    talk.packet(Client, "A", &[], b"more");
                })
            },
            fallback(Cause::PayloadChanged),
        ),
        (
            "the same with what the server sends",
            || {
                talk(|talk| {
                    with_checksums(talk)
                        .data(Server, b"answer")
                        .rewritten(corrupted);
                    talk.packet(Client, "A", &[], b"more");
                })
            },
            fallback(Cause::PayloadChanged),
        ),
        (
            "without checksums nobody notices changed payload",
            || {
                talk(|talk| {
                    talk.mptcp_handshake()
                        .data(Client, b"request")
                        .rewritten(corrupted);
                    talk.packet(Client, "A", &[], b"more");
                })
            },
            fallback(Cause::FellBackEarly),
        ),
        (
            "with checksums, and payload as it was sent",
            || {
                talk(|talk| {
                    with_checksums(talk).data(Client, b"request");
                    talk.packet(Client, "A", &[], b"more");
                })
            },
            fallback(Cause::FellBackEarly),
        ),
        (
            "the network changes a DSS of the client",
            || {
                talk(|talk| {
                    talk.mptcp_handshake()
                        .data(Client, b"request")
                        .rewritten(changed_dss);
                    talk.packet(Client, "A", &[], b"more");
                })
            },
            fallback(Cause::OptionChanged),
        ),
        (
            "the network changes a DSS of the server",
            || {
                talk(|talk| {
                    talk.mptcp_handshake()
                        .data(Server, b"answer")
                        .rewritten(changed_dss);
                    talk.packet(Client, "A", &[], b"more");
                })
            },
            fallback(Cause::OptionChanged),
        ),
        (
            "the network changes MP_CAPABLE in the SYN/ACK",
            || {
                talk(|talk| {
                    talk.packet(Client, "S", &[capable_syn()], b"")
                        .packet(Server, "SA", &[capable_syn_ack()], b"")
                        .rewritten(changed_version);
                    talk.packet(Client, "A", &[], b"request");
                })
            },
            fallback(Cause::OptionChanged),
        ),
        (
            "data without mapping once MPTCP is in use",
            || {
                in_use(|talk| {
                    talk.packet(Client, "A", &[], b"more");
                })
            },
            fallback(Cause::FellBackMidStream),
        ),
        (
            "the same of the server",
            || {
                in_use(|talk| {
                    talk.packet(Server, "A", &[], b"more");
                })
            },
            fallback(Cause::FellBackMidStream),
        ),
        (
            "data without mapping before the server used MPTCP",
            || {
                talk(|talk| {
                    talk.mptcp_handshake().data(Client, b"request").packet(
                        Client,
                        "A",
                        &[],
                        b"more",
                    );
                })
            },
            fallback(Cause::FellBackEarly),
        ),
        (
            "data without mapping, and only then a DSS of the server",
            || {
                talk(|talk| {
                    talk.mptcp_handshake()
                        .data(Client, b"request")
                        .packet(Client, "A", &[], b"more")
                        .ack(Server);
                })
            },
            fallback(Cause::FellBackEarly),
        ),
        (
            "the data without mapping is what brings the first DSS of the server",
            || {
                talk(|talk| {
                    talk.mptcp_handshake().data(Client, b"request");
                    let ack = acknowledges(talk, Server);
                    talk.packet(Server, "A", &[ack], b"answer");
                })
            },
            fallback(Cause::FellBackEarly),
        ),
        (
            "MP_CAPABLE is taken out of what brings the first DSS of the client",
            || {
                talk(|talk| {
                    talk.mptcp_handshake().ack(Server);
                    let ack = acknowledges(talk, Client);
                    // 20 bytes of no operation in its place.
                    talk.packet(Client, "A", &[capable_ack(), ack], b"request")
                        .rewritten(|options, _| options[..20].fill(1));
                })
            },
            fallback(Cause::OptionStrippedClientData),
        ),
        (
            "MP_CAPABLE with data counts as use",
            || {
                talk(|talk| {
                    talk.mptcp_handshake()
                        .packet(Client, "A", &[capable_data(7)], b"request")
                        .ack(Server)
                        .packet(Client, "A", &[], b"more");
                })
            },
            fallback(Cause::FellBackMidStream),
        ),
        (
            "MP_CAPABLE without data does not",
            || {
                talk(|talk| {
                    talk.mptcp_handshake()
                        .ack(Server)
                        .packet(Client, "A", &[], b"request");
                })
            },
            fallback(Cause::FellBackEarly),
        ),
    ]);
}

#[test]
fn a_subflow_that_is_given_up_is_no_fallback_where_another_goes_on() {
    judge(&[
        (
            "the first subflow loses its options and is reset, the second goes on",
            || joined(complete, stripped_and_reset),
            mptcp(2),
        ),
        (
            "the client resets it",
            || {
                joined(complete, |talk| {
                    talk.data(Client, b"more")
                        .stripped()
                        .packet(Client, "R", &[], b"");
                })
            },
            mptcp(2),
        ),
        (
            "nobody resets it",
            || {
                joined(complete, |talk| {
                    talk.data(Client, b"more").stripped();
                })
            },
            fallback(Cause::FellBackMidStream),
        ),
        (
            "the reset is lost",
            || {
                joined(complete, |talk| {
                    talk.data(Client, b"more").stripped();
                    talk.packet(Server, "R", &[], b"").dropped();
                })
            },
            fallback(Cause::FellBackMidStream),
        ),
        (
            "there is no other",
            || in_use(stripped_and_reset),
            fallback(Cause::FellBackMidStream),
        ),
        (
            "the other was asked for and never answered",
            || {
                joined(
                    |talk| {
                        let [syn, _, _] = joins();
                        talk.packet(Client, "S", &[syn], b"");
                    },
                    stripped_and_reset,
                )
            },
            fallback(Cause::FellBackMidStream),
        ),
        (
            "the other was established without MP_JOIN",
            || {
                joined(
                    |talk| {
                        let [syn, _, _] = joins();
                        talk.packet(Client, "S", &[syn], b"")
                            .packet(Server, "SA", &[], b"")
                            .packet(Client, "A", &[], b"");
                    },
                    stripped_and_reset,
                )
            },
            fallback(Cause::FellBackMidStream),
        ),
        (
            "the connection ends with an infinite mapping all the same",
            || {
                joined(complete, |talk| {
                    talk.packet(Client, "A", &[infinite()], b"more")
                        .packet(Server, "R", &[], b"");
                })
            },
            fallback(Cause::InfiniteMapping),
        ),
        (
            "the connection was never agreed on",
            || {
                let mut first = Talk::new();
                first.packet(Client, "S", &[capable_syn()], b"");
                first
                    .packet(Server, "SA", &[capable_syn_ack()], b"")
                    .stripped();
                first
                    .packet(Client, "A", &[], b"request")
                    .packet(Server, "R", &[], b"");
                let mut second = first.joined("10.0.2.1:40001", "10.0.2.2:8080");
                complete(&mut second);
                [first.records, second.records].concat()
            },
            fallback(Cause::OptionStrippedSynAck),
        ),
    ]);
}
