use super::*;
use crate::by::{Actor, Name};
use proptest::prelude::*;
use std::time::Duration;

fn act(text: &str) -> Act {
    text.parse().expect(text)
}

fn by(text: &str) -> By {
    text.parse().expect(text)
}

#[test]
fn what_was_done_comes_to_what_arrived() {
    let cut = || by("cut");
    for (text, delivery) in [
        ("", Delivery::Arrived(None)),
        ("pass by reorder", Delivery::Arrived(Some(by("reorder")))),
        ("delay by cut", Delivery::Arrived(Some(cut()))),
        (
            "delay by cut; due +0.010000000 s",
            Delivery::Arrived(Some(cut())),
        ),
        ("delay by shape; drop by cut", Delivery::Lost(cut())),
        ("duplicate by cut", Delivery::Arrived(Some(cut()))),
        ("duplicate by shape; drop by cut", Delivery::Lost(cut())),
        (
            "pass by reorder; drop by link-down",
            Delivery::Lost(by("link-down")),
        ),
        ("drop by cut", Delivery::Lost(cut())),
        ("reset by cut", Delivery::Lost(cut())),
        ("rewrite by cut", Delivery::Rewritten(cut())),
        ("rewritten by cut", Delivery::Replacement(cut())),
        (
            "rewritten by cut; due +0.010000000 s",
            Delivery::Replacement(cut()),
        ),
        (
            "rewritten by nat; drop by cut",
            Delivery::LostReplacement(cut()),
        ),
        ("forged by cut", Delivery::Forged(cut())),
        ("forged by nat; drop by cut", Delivery::LostForgery(cut())),
    ] {
        assert_eq!(act(text).delivery(), delivery, "{text:?}");
        assert_eq!(act(text).to_string(), text);
    }
}

#[test]
fn what_is_unknown_is_an_error_and_not_a_packet_that_passed() {
    for text in [
        "drop",
        "by cut",
        "lost by cut",
        "Drop by cut",
        "drop  by cut",
        "passed",
        " ",
    ] {
        let unknown = UnreadableAct::Unknown(text.to_owned());
        assert_eq!(text.parse::<Act>(), Err(unknown), "{text:?}");
    }
    assert!(matches!(
        "due soon".parse::<Act>(),
        Err(UnreadableAct::Unknown(_))
    ));
    assert!(matches!(
        "due +1 s".parse::<Act>(),
        Err(UnreadableAct::Time(_))
    ));
    assert!(matches!(
        "drop by ".parse::<Act>(),
        Err(UnreadableAct::Name { .. })
    ));
}

#[test]
fn what_cannot_have_happened_to_one_packet_is_an_error() {
    for (first, then) in [
        ("drop by cut", "drop by cut"),
        ("drop by cut", "delay by shape"),
        ("drop by cut", "due +0.010000000 s"),
        ("reset by cut", "drop by cut"),
        ("rewrite by cut", "drop by cut"),
        ("rewrite by cut", "rewritten by cut"),
        ("delay by cut", "delay by cut"),
        ("forged by cut; drop by queue", "due +0.010000000 s"),
        ("delay by shape; due +0.010000000 s", "drop by cut"),
        ("due +0.010000000 s", "delay by shape"),
        ("due +0.010000000 s", "due +0.010000000 s"),
    ] {
        let contradiction = UnreadableAct::Contradiction(then.to_owned());
        let text = format!("{first}; {then}");
        assert_eq!(text.parse::<Act>(), Err(contradiction), "{text:?}");
    }
}

#[test]
fn only_the_chance_of_loss_loses_by_chance() {
    assert!(act("drop by loss").is_lost_by_chance());
    assert!(act("forged by nat; drop by loss").is_lost_by_chance());
    for text in [
        "",
        "drop by cut",
        "drop by queue",
        "drop by mtu",
        "drop by link-down",
    ] {
        assert!(!act(text).is_lost_by_chance(), "{text:?}");
    }
}

fn somebody() -> impl Strategy<Value = By> {
    let link = proptest::sample::select(Quality::ALL).prop_map(Actor::Link);
    let name = "[^+;\\pC]{1,20}".prop_filter_map("no name", |name| Name::new(&name).ok());
    let actor = prop_oneof![link, name.prop_map(Actor::Named)];
    proptest::collection::vec(actor, 1..4).prop_filter_map("nobody", By::all)
}

fn something() -> impl Strategy<Value = Did> {
    let make = proptest::sample::select(Did::MAKES);
    prop_oneof![
        Just(Did::Nothing),
        (make, somebody()).prop_map(|(make, by)| make(by)),
    ]
}

proptest! {
    #[test]
    fn it_is_read_as_it_is_written(
        did in something(),
        lost in proptest::option::of(somebody()),
        due in proptest::option::of((0..100_000_u64, 0..1_000_000_000_u32)),
    ) {
        let mut act = Act::new(did);
        if let Some(by) = lost {
            act = act.clone().lost(by).unwrap_or(act);
        }
        if let Some((seconds, nanoseconds)) = due {
            let due = Due::after(Duration::new(seconds, nanoseconds));
            act = act.clone().due(due).unwrap_or(act);
        }
        prop_assert_eq!(act.to_string().parse(), Ok(act.clone()));
        let comments: Vec<_> = act.comments().collect();
        prop_assert_eq!(Act::of_comments(&comments), Ok(act));
    }

    #[test]
    fn any_text_is_read_or_refused_and_what_is_read_is_written_like_that(
        text in "(drop by |due \\+|delay by |; |[a-z0-9.+ ]{0,6}){0,6}",
    ) {
        if let Ok(act) = text.parse::<Act>() {
            prop_assert_eq!(act.to_string(), text);
        }
    }
}
