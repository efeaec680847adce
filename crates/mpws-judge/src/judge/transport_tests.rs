//! Every cause and every expectation, on both sides of each boundary.

use mpws_model::result::TransportKind::{self, Fallback, Mptcp, None as NoConnection, Tcp};

use super::*;
use crate::testing;

/// What can carry a connection, with every cause.
fn everything() -> Vec<Proven> {
    let one = |kind, cause, subflows| Proven {
        kind,
        cause,
        subflows,
    };
    let mut all = vec![
        one(Mptcp, None, 0),
        one(Mptcp, None, 1),
        one(Mptcp, None, 2),
    ];
    for kind in [Fallback, Tcp, NoConnection] {
        all.extend(Cause::ALL.map(|cause| one(kind, Some(cause), 0)));
    }
    all
}

fn every_expectation() -> Vec<Expect> {
    let mut all = vec![Expect::Mptcp, Expect::Silence, Expect::Recorded];
    for cause in Cause::ALL {
        all.extend([
            Expect::Fallback(cause),
            Expect::Tcp(cause),
            Expect::NoConnection(cause),
        ]);
    }
    all
}

/// What an expectation allows of a connection, written out once more.
fn allows(expect: Expect, proven: Proven) -> bool {
    let Proven {
        kind,
        cause,
        subflows,
    } = proven;
    match expect {
        Expect::Mptcp => (kind, cause, subflows > 0) == (Mptcp, None, true),
        Expect::Fallback(why) => (kind, cause) == (Fallback, Some(why)),
        Expect::Tcp(why) => (kind, cause) == (Tcp, Some(why)),
        Expect::NoConnection(why) => (kind, cause) == (NoConnection, Some(why)),
        Expect::Recorded => kind != Tcp,
        Expect::Silence => false,
    }
}

fn wire() -> Wire {
    Wire {
        any_tcp: true,
        ..Wire::default()
    }
}

fn demanded(transport: Expect, control: bool) -> Demands {
    Demands {
        transport,
        control,
        ..Demands::default()
    }
}

#[test]
fn each_expectation_allows_its_own_kind_and_cause_and_no_other() {
    for expect in every_expectation() {
        for proven in everything() {
            let check = judge(&demanded(expect, false), &wire(), &[proven]).expect("judged");
            assert_eq!(check.held, allows(expect, proven), "{expect} {proven:?}");
            assert!(check.observed.contains(&proven.describe()), "{check:?}");
        }
    }
}

#[test]
fn one_connection_that_does_not_fit_is_enough() {
    for expect in every_expectation()
        .into_iter()
        .filter(|one| *one != Expect::Silence)
    {
        let fits = everything()
            .into_iter()
            .find(|one| allows(expect, *one))
            .expect("one fits");
        for other in everything() {
            for both in [[fits, other], [other, fits]] {
                let check = judge(&demanded(expect, false), &wire(), &both).expect("judged");
                assert_eq!(check.held, allows(expect, other), "{expect} {both:?}");
            }
        }
    }
}

#[test]
fn without_a_connection_nothing_is_shown_but_silence() {
    for expect in every_expectation() {
        let check = judge(&demanded(expect, false), &Wire::default(), &[]);
        match expect {
            Expect::Recorded => assert_eq!(check, None),
            Expect::Silence => {
                let check = check.expect("judged");
                assert!(
                    check.held && check.observed == "no packet at all",
                    "{check:?}"
                );
            }
            _ => {
                let check = check.expect("judged");
                assert!(
                    !check.held && check.observed == "no connection was tried",
                    "{check:?}"
                );
            }
        }
    }
    // A packet of some other connection is a packet.
    let check = judge(&demanded(Expect::Silence, false), &wire(), &[]).expect("judged");
    assert!(
        !check.held && check.observed == "no connection was tried",
        "{check:?}"
    );
}

#[test]
fn a_control_must_be_plain_tcp_that_nobody_asked_more_of() {
    let plain = |proven: Proven| proven.kind == Tcp && proven.cause == Some(Cause::NeverAsked);
    for expect in every_expectation() {
        for proven in everything() {
            let check = judge(&demanded(expect, true), &wire(), &[proven]).expect("judged");
            let holds = match expect {
                Expect::Mptcp | Expect::Fallback(_) | Expect::Tcp(_) => plain(proven),
                Expect::Recorded => !matches!(proven.kind, Mptcp | Fallback),
                Expect::NoConnection(_) | Expect::Silence => allows(expect, proven),
            };
            assert_eq!(check.held, holds, "{expect} {proven:?}");
        }
    }
    let check = judge(&demanded(Expect::Recorded, true), &wire(), &[]).expect("judged");
    assert!(check.held && check.name == "the control is plain TCP");
}

#[test]
fn what_is_only_recorded_must_at_least_have_asked() {
    let tcp = prove(TransportTruth::Tcp, Cause::NeverAsked);
    let check = judge(&demanded(Expect::Recorded, false), &wire(), &[tcp]).expect("judged");
    assert_eq!(check.name, "MPTCP is asked for");
    assert_eq!(check.expected, "in the SYN of every connection");
    assert!(!check.held);
}

#[test]
fn several_connections_are_expected_in_their_order_and_number() {
    let mptcp = prove(TransportTruth::Mptcp { subflows: 1 }, Cause::NeverAsked);
    let tcp = prove(TransportTruth::Tcp, Cause::NeverAsked);
    let each = |control| Demands {
        each: vec![Expect::Mptcp, Expect::Tcp(Cause::NeverAsked)],
        control,
        ..Demands::default()
    };
    for (control, seen, holds) in [
        (false, vec![mptcp, tcp], true),
        (false, vec![tcp, mptcp], false),
        (false, vec![mptcp], false),
        (false, vec![mptcp, tcp, tcp], false),
        (false, vec![], false),
        (true, vec![tcp, tcp], true),
        (true, vec![mptcp, tcp], false),
    ] {
        let check = judge(&each(control), &wire(), &seen).expect("judged");
        assert_eq!(check.held, holds, "{control} {seen:?}");
        assert_eq!(check.name, "transport of each connection");
    }
    let check = judge(&each(false), &wire(), &[tcp, mptcp]).expect("judged");
    assert_eq!(check.expected, "mptcp, tcp (never-asked)");
    assert_eq!(check.observed, "tcp (never-asked), mptcp");
}

#[test]
fn what_was_seen_is_told_once_where_it_comes_in_a_row() {
    let mptcp = prove(TransportTruth::Mptcp { subflows: 1 }, Cause::NeverAsked);
    let tcp = prove(TransportTruth::Tcp, Cause::NeverAsked);
    let words = describe_all(&[mptcp, mptcp, tcp, tcp, mptcp]);
    assert_eq!(words, "mptcp, tcp (never-asked), mptcp");
}

#[test]
fn each_truth_of_the_wire_keeps_its_cause_and_plain_tcp_gets_the_hosts() {
    for cause in Cause::ALL {
        for other in [Cause::NeverAsked, Cause::SwitchedOff] {
            let fallback = prove(TransportTruth::Fallback { cause }, other);
            assert_eq!((fallback.kind, fallback.cause), (Fallback, Some(cause)));
            let none = prove(TransportTruth::NotEstablished { cause }, other);
            assert_eq!((none.kind, none.cause), (NoConnection, Some(cause)));
        }
        let tcp = prove(TransportTruth::Tcp, cause);
        assert_eq!((tcp.kind, tcp.cause), (Tcp, Some(cause)));
        let mptcp = prove(TransportTruth::Mptcp { subflows: 3 }, cause);
        assert_eq!((mptcp.kind, mptcp.cause, mptcp.subflows), (Mptcp, None, 3));
    }
}

#[test]
fn why_mptcp_was_not_asked_for_is_told_by_errno_host_and_counters() {
    let refused = |errno, given_to_others, enabled| {
        Some(Refusal {
            errno,
            given_to_others,
            enabled,
        })
    };
    let off = libc::ENOPROTOOPT;
    for (refusal, disabled, cause) in [
        (None, 0, Cause::NeverAsked),
        (None, 1, Cause::BlackholeMemory),
        (refused(off, false, Some(false)), 0, Cause::SwitchedOff),
        (refused(off, false, Some(false)), 1, Cause::SwitchedOff),
        (refused(off, false, Some(true)), 0, Cause::RefusedByPolicy),
        (refused(off, false, None), 0, Cause::RefusedByPolicy),
        (refused(off, true, Some(false)), 0, Cause::RefusedByPolicy),
        (
            refused(libc::EACCES, true, Some(true)),
            0,
            Cause::RefusedByPolicy,
        ),
        (
            refused(libc::EPROTONOSUPPORT, true, Some(true)),
            0,
            Cause::RefusedByPolicy,
        ),
        (
            refused(libc::EPROTONOSUPPORT, false, None),
            0,
            Cause::NotInKernel,
        ),
        (
            refused(libc::EPROTONOSUPPORT, false, Some(false)),
            0,
            Cause::NotInKernel,
        ),
    ] {
        let mut testimony = testing::testimony();
        testimony.wire.connections = vec![testing::carried_by(TransportTruth::Tcp)];
        testimony.kernels.client.moved = testing::moved(&[("MPCapableSYNTXDisabled", disabled)]);
        testimony.refusal = refusal.clone();
        let proven = proven(&testimony);
        assert_eq!(proven[0].cause, Some(cause), "{refusal:?} {disabled}");
    }
}

#[test]
fn a_kernel_without_the_counter_of_the_black_hole_says_nothing_of_one() {
    let mut testimony = testing::testimony();
    testimony.kernels.client.moved = testing::uncounted();
    assert_eq!(why_not_asked(&testimony), Cause::NeverAsked);
}

#[test]
fn the_cell_is_named_after_its_last_connection() {
    let mptcp = prove(TransportTruth::Mptcp { subflows: 2 }, Cause::NeverAsked);
    let tcp = prove(TransportTruth::Tcp, Cause::NeverAsked);
    let told = |proven: &[Proven]| {
        let Transport {
            kind,
            cause,
            subflows,
        } = summary(proven);
        (kind, cause, subflows)
    };
    assert_eq!(told(&[tcp, mptcp]), (Mptcp, None, Some(2)));
    let cause = Some(Cause::NeverAsked);
    assert_eq!(told(&[mptcp, tcp]), (Tcp, cause, None));
    assert_eq!(told(&[]), (NoConnection, Some(Cause::NoPacket), None));
}

#[test]
fn each_kind_has_its_words() {
    let words = |kind: TransportKind, cause, subflows| {
        Proven {
            kind,
            cause,
            subflows,
        }
        .describe()
    };
    assert_eq!(words(Mptcp, None, 0), "mptcp without data");
    assert_eq!(words(Mptcp, None, 1), "mptcp");
    for cause in Cause::ALL {
        assert_eq!(
            words(Fallback, Some(cause), 0),
            format!("fallback ({cause})")
        );
        assert_eq!(words(Tcp, Some(cause), 0), format!("tcp ({cause})"));
        assert_eq!(
            words(NoConnection, Some(cause), 0),
            format!("no connection ({cause})")
        );
    }
    assert_eq!(words(Fallback, None, 0), "unproven");
    assert_eq!(words(TransportKind::Unproven, None, 0), "unproven");
}

#[test]
fn a_fallback_is_late_where_data_had_to_come_first() {
    let late = [
        Cause::OptionStrippedClientData,
        Cause::OptionStrippedServerData,
        Cause::FellBackMidStream,
        Cause::FellBackEarly,
        Cause::InfiniteMapping,
        Cause::DataDropped,
    ];
    for cause in Cause::ALL {
        let fallback = prove(TransportTruth::Fallback { cause }, cause);
        assert_eq!(fallback.is_late(), late.contains(&cause), "{cause}");
    }
    let mptcp = prove(TransportTruth::Mptcp { subflows: 1 }, Cause::NeverAsked);
    assert!(!mptcp.is_late());
}
