//! Middleboxes on paths.

use crate::common::*;
use mpws_lab::PathError;
use mpws_lab::middlebox::{BalanceBy, Middlebox};
use mpws_lab::rule::{Action, Rule};
use std::io::ErrorKind;
use std::time::Duration;

#[test]
fn hosts_talk_through_boxes_that_let_everything_by() {
    let Some(lab) = two_hosts(2) else { return };
    let boxes = [(); 3].map(|()| lab.place(2, &Middlebox::Bridge).expect("box"));
    for ip in [mpws_lab::Ip::V4, mpws_lab::Ip::V6] {
        ping_pong(&connect_by(&lab, 2, ip, TCP));
    }
    for id in boxes {
        assert_eq!(lab.box_hits(id).expect("hits"), 0);
        lab.remove_box(id).expect("remove");
        let again = lab.remove_box(id).expect_err("gone");
        assert_eq!(again.kind(), ErrorKind::NotFound);
        let hits = lab.box_hits(id).expect_err("gone");
        assert_eq!(hits.kind(), ErrorKind::NotFound);
    }
    ping_pong(&connect_by(&lab, 2, mpws_lab::Ip::V4, TCP));
}

#[test]
fn a_box_stands_on_a_path_that_is_there() {
    let Some(lab) = two_hosts(1) else { return };
    for path in [0, 2, 255] {
        let error = lab.place(path, &Middlebox::Bridge).expect_err("no path");
        assert!(matches!(error, PathError::NoSuchPath { path: refused } if refused == path));
    }
}

#[test]
fn a_box_that_can_never_do_what_it_says_is_refused() {
    let Some(lab) = two_hosts(2) else { return };
    let elsewhere = Rule::new("lose", Action::Drop).from("nobody");
    let senseless = [
        Middlebox::Rule(elsewhere),
        Middlebox::Rule(Rule::new("lose", Action::Drop).path(2)),
        Middlebox::Replace {
            search: String::new(),
            with: "x".to_owned(),
        },
        Middlebox::Resegment { size: 0 },
        Middlebox::Coalesce {
            wait: Duration::from_secs(2),
        },
        Middlebox::Balance {
            to: Some(2),
            by: BalanceBy::Joins,
        },
    ];
    for what in senseless {
        let error = lab.place(1, &what).expect_err("refused");
        assert!(matches!(error, PathError::Senseless { .. }), "{what:?}");
    }
}
