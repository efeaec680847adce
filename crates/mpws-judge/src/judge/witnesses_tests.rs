//! Every contradiction, and the nearest testimony without it.

use mpws_model::Cause;
use mpws_trace::TransportTruth::{self, Fallback, Mptcp, NotEstablished, Tcp};

use super::*;
use crate::judge::transport;
use crate::testimony::{PeerConnection, Sides};
use crate::testing::{carried_by, moved, testimony, uncounted};

fn told(testimony: &Testimony) -> Vec<String> {
    contradictions(testimony, &transport::proven(testimony))
}

fn with(truths: &[TransportTruth]) -> Testimony {
    let mut one = testimony();
    one.wire.connections = truths.iter().map(|truth| carried_by(*truth)).collect();
    one
}

/// A testimony of TCP on which all agree.
fn plain() -> Testimony {
    let mut one = with(&[Tcp]);
    for kernel in [&mut one.kernels.client, &mut one.kernels.server] {
        kernel.moved = moved(&[]);
        kernel.sockets = Some(Vec::new());
    }
    for peer in [&mut one.peers.client, &mut one.peers.server] {
        peer.connections = Some(vec![PeerConnection {
            open: true,
            is_mptcp: Some(false),
            ..PeerConnection::default()
        }]);
    }
    one
}

fn of<T>(sides: &mut Sides<T>, side: Side) -> &mut T {
    match side {
        Side::Client => &mut sides.client,
        Side::Server => &mut sides.server,
    }
}

const SIDES: [(Side, &str); 2] = [
    (Side::Client, "MPCapableSYNACKRX"),
    (Side::Server, "MPCapableACKRX"),
];

#[test]
fn witnesses_that_agree_contradict_nothing() {
    assert!(told(&testimony()).is_empty());
    assert!(told(&plain()).is_empty());
    assert!(agree(&[]).held);
    let check = agree(&["one".to_owned(), "two".to_owned()]);
    assert!(!check.held && check.observed == "one; two");
}

#[test]
fn each_kernel_counts_every_mptcp_connection_of_the_wire() {
    for (side, name) in SIDES {
        for (count, agrees) in [(0, false), (1, false), (2, true), (3, true)] {
            let mut two = with(&[Mptcp { subflows: 1 }, Mptcp { subflows: 1 }]);
            for (other, its) in SIDES {
                of(&mut two.kernels, other).moved = moved(&[(its, 2)]);
            }
            of(&mut two.kernels, side).moved = moved(&[(name, count)]);
            assert_eq!(told(&two).is_empty(), agrees, "{side:?} {count}");
        }
        let mut one = testimony();
        of(&mut one.kernels, side).moved = moved(&[]);
        let expected = format!(
            "the wire shows 1 MPTCP connections, but {name} of the {}'s kernel moved by 0",
            side.word()
        );
        assert_eq!(told(&one), [expected]);
    }
}

#[test]
fn a_connection_without_data_need_not_be_counted() {
    let mut one = with(&[Mptcp { subflows: 0 }]);
    for (side, _) in SIDES {
        of(&mut one.kernels, side).moved = moved(&[]);
    }
    assert!(told(&one).is_empty());
}

#[test]
fn a_kernel_without_the_counter_cannot_have_spoken_mptcp() {
    for (side, name) in SIDES {
        let mut one = testimony();
        of(&mut one.kernels, side).moved = uncounted();
        let expected = format!("the {}'s kernel has no counter {name}", side.word());
        assert_eq!(told(&one), [expected]);
        let mut tcp = plain();
        of(&mut tcp.kernels, side).moved = uncounted();
        assert!(told(&tcp).is_empty());
    }
}

#[test]
fn on_plain_tcp_no_kernel_receives_mp_capable() {
    for (side, _) in SIDES {
        let mut one = plain();
        of(&mut one.kernels, side).moved = moved(&[("MPCapableSYNRX", 1)]);
        let expected = format!(
            "the wire shows plain TCP, but the {}'s kernel received MP_CAPABLE",
            side.word()
        );
        assert_eq!(told(&one), [expected]);
        // Something else than plain TCP was on the wire too, or nothing was.
        let asked = [
            ("MPCapableSYNRX", 1),
            ("MPCapableSYNACKRX", 1),
            ("MPCapableACKRX", 1),
        ];
        let fallback = Fallback {
            cause: Cause::RemoteIsTcp,
        };
        for truths in [
            vec![Tcp, fallback],
            vec![Tcp, Mptcp { subflows: 1 }],
            vec![],
        ] {
            let mut other = with(&truths);
            other.kernels.client.moved = moved(&asked);
            other.kernels.server.moved = moved(&asked);
            assert!(told(&other).is_empty(), "{side:?} {truths:?}");
        }
    }
}

#[test]
fn a_peer_must_not_claim_what_the_wire_does_not_show() {
    let none = NotEstablished {
        cause: Cause::PeerSilent,
    };
    let early = Fallback {
        cause: Cause::OptionStrippedSyn,
    };
    for (side, _) in SIDES {
        for (truth, is_mptcp) in [
            (Mptcp { subflows: 1 }, true),
            (early, false),
            (Tcp, false),
            (none, false),
        ] {
            for (claim, agrees) in [
                (Some(is_mptcp), true),
                (Some(!is_mptcp), false),
                (None, true),
            ] {
                for open in [true, false] {
                    let mut one = with(&[truth]);
                    for peer in [&mut one.peers.client, &mut one.peers.server] {
                        peer.connections = None;
                    }
                    for kernel in [&mut one.kernels.client, &mut one.kernels.server] {
                        kernel.moved = moved(&[("MPCapableSYNACKRX", 1), ("MPCapableACKRX", 1)]);
                    }
                    of(&mut one.peers, side).connections = Some(vec![PeerConnection {
                        open,
                        is_mptcp: claim,
                        ..PeerConnection::default()
                    }]);
                    let agrees = agrees || !open;
                    assert_eq!(
                        told(&one).is_empty(),
                        agrees,
                        "{side:?} {truth} {claim:?} {open}"
                    );
                }
            }
        }
        let mut lie = plain();
        let connections = of(&mut lie.peers, side)
            .connections
            .as_mut()
            .expect("asked");
        connections[0].is_mptcp = Some(true);
        let expected = format!(
            "the {} says that its connection is MPTCP, the wire shows tcp (never-asked)",
            side.word()
        );
        assert_eq!(told(&lie), [expected]);
    }
    let mut lie = testimony();
    let connections = lie.peers.client.connections.as_mut().expect("asked");
    connections[0].is_mptcp = Some(false);
    let expected = "the client says that its connection is not MPTCP, the wire shows mptcp";
    assert_eq!(told(&lie), [expected]);
}

#[test]
fn a_server_that_looked_before_a_late_fallback_told_no_lie_and_a_client_did() {
    let mut late = with(&[Fallback {
        cause: Cause::FellBackMidStream,
    }]);
    late.peers.client.connections = None;
    assert!(told(&late).is_empty());
    let mut client = with(&[Fallback {
        cause: Cause::FellBackMidStream,
    }]);
    client.peers.server.connections = None;
    assert_eq!(told(&client).len(), 1);
}

#[test]
fn a_kernel_lists_the_connection_that_stood_when_it_was_asked() {
    for (side, _) in SIDES {
        for (fallback, agrees) in [
            (Some(Some(false)), true),
            (Some(Some(true)), false),
            (Some(None), false),
            (None, false),
        ] {
            let mut one = testimony();
            let sockets = of(&mut one.kernels, side).sockets.as_mut().expect("asked");
            match fallback {
                Some(fallback) => sockets[0].fallback = fallback,
                None => sockets.clear(),
            }
            assert_eq!(told(&one).is_empty(), agrees, "{side:?} {fallback:?}");
        }
        let mut unasked = testimony();
        of(&mut unasked.kernels, side).sockets = None;
        assert!(told(&unasked).is_empty());
        let mut one = testimony();
        of(&mut one.kernels, side).sockets = Some(Vec::new());
        let expected = format!(
            "the wire shows MPTCP, but the {}'s kernel lists no live MPTCP socket",
            side.word()
        );
        assert_eq!(told(&one), [expected]);
    }
}

#[test]
fn of_several_connections_nobody_can_tell_which_is_meant() {
    let mut two = with(&[Mptcp { subflows: 1 }, Tcp]);
    two.kernels.client.sockets = Some(Vec::new());
    let connections = two.peers.client.connections.as_mut().expect("asked");
    connections[0].is_mptcp = Some(false);
    assert!(told(&two).is_empty());
}
