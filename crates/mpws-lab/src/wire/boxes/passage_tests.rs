//! The way of a frame through boxes that are told what to do.

use super::*;
use std::time::Duration;

/// Appends its letter to what it lets by; answers `!` by a frame back, keeps `-`, sends twice on
/// `2`, and hands `>` to path 2.
struct Letter(u8);

impl Machine for Letter {
    fn take(&mut self, from: End, mut frame: Vec<u8>, _: Instant, out: &mut Vec<Parcel>) {
        let parcel = |path, towards, frame, handling| Parcel {
            path,
            towards,
            frame,
            handling,
        };
        let towards = from.other();
        match frame.first() {
            Some(b'-') => {}
            Some(b'!') => {
                out.push(parcel(1, from, vec![b'r', self.0], Handling::Forged));
                out.push(parcel(1, towards, frame, Handling::Passed));
            }
            Some(b'2') => {
                out.push(parcel(1, towards, vec![b'a', self.0], Handling::Rewritten));
                out.push(parcel(1, towards, vec![b'b', self.0], Handling::Rewritten));
            }
            Some(b'>') => out.push(parcel(2, towards, frame, Handling::Rewritten)),
            Some(b'=') => out.push(parcel(1, towards, frame, Handling::Passed)),
            _ => {
                frame.push(self.0);
                out.push(parcel(1, towards, frame, Handling::Rewritten));
            }
        }
    }
}

/// Sends one frame in either direction when its time has come.
struct Clock(Option<Instant>);

impl Machine for Clock {
    fn take(&mut self, from: End, frame: Vec<u8>, _: Instant, out: &mut Vec<Parcel>) {
        out.push(Parcel {
            path: 1,
            towards: from.other(),
            frame,
            handling: Handling::Passed,
        });
    }

    fn due(&self) -> Option<Instant> {
        self.0
    }

    fn tick(&mut self, _: Instant, out: &mut Vec<Parcel>) {
        self.0 = None;
        for towards in [End::First, End::Second] {
            out.push(Parcel {
                path: 1,
                towards,
                frame: b"t".to_vec(),
                handling: Handling::Forged,
            });
        }
    }
}

/// Sends every frame back to where it came from.
struct Mirror;

impl Machine for Mirror {
    fn take(&mut self, from: End, frame: Vec<u8>, _: Instant, out: &mut Vec<Parcel>) {
        out.push(Parcel {
            path: 1,
            towards: from,
            frame,
            handling: Handling::Forged,
        });
    }
}

fn xy() -> Boxes {
    let mut boxes = Boxes::default();
    boxes.place(1, "x", Box::new(Letter(b'x')));
    boxes.place(1, "y", Box::new(Letter(b'y')));
    boxes
}

/// What leaves: path, end it goes to, text, whether it is the frame that was sent, and by whom.
type Row = (u8, End, String, bool, String);

fn made(made: Vec<Made>) -> Vec<Row> {
    let describe = |one: Made| {
        let text = String::from_utf8(one.frame).expect("text");
        (one.path, one.towards, text, false, one.by.to_string())
    };
    made.into_iter().map(describe).collect()
}

/// All that leaves of a frame that was sent towards this end.
fn seen(towards: End, passage: Passage) -> Vec<Row> {
    let went_on = passage.went_on.map(|one| {
        let text = String::from_utf8(one.frame).expect("text");
        let by = one.changed_by.map(|by| by.to_string());
        (1, towards, text, true, by.unwrap_or_default())
    });
    went_on.into_iter().chain(made(passage.made)).collect()
}

fn pass(boxes: &mut Boxes, from: End, text: &str) -> Passage {
    let frame = text.as_bytes().to_vec();
    let passage = boxes.pass(1, from, frame, Instant::now());
    passage.expect("an end")
}

fn row(path: u8, to: End, text: &str, was_sent: bool, by: &str) -> Row {
    (path, to, text.to_owned(), was_sent, by.to_owned())
}

#[test]
fn a_frame_meets_the_boxes_in_the_order_of_its_direction() {
    let mut boxes = xy();
    let there = pass(&mut boxes, End::First, "f");
    assert_eq!(
        seen(End::Second, there),
        [row(1, End::Second, "fxy", true, "x+y")]
    );
    let back = pass(&mut boxes, End::Second, "f");
    assert_eq!(
        seen(End::First, back),
        [row(1, End::First, "fyx", true, "y+x")]
    );
}

#[test]
fn what_is_let_by_is_nobodys_work_and_no_hit() {
    let mut boxes = Boxes::default();
    let id = boxes.place(1, "x", Box::new(Letter(b'x')));
    let passage = pass(&mut boxes, End::First, "=");
    assert_eq!(
        seen(End::Second, passage),
        [row(1, End::Second, "=", true, "")]
    );
    assert_eq!(boxes.hits(id), Some(0));
    pass(&mut boxes, End::First, "f");
    pass(&mut boxes, End::First, "-");
    assert_eq!(boxes.hits(id), Some(2));
}

#[test]
fn an_answer_passes_the_boxes_between_it_and_the_sender() {
    let mut boxes = xy();
    let passage = pass(&mut boxes, End::First, "!");
    let expected = [
        row(1, End::First, "rx", false, "x"),
        row(1, End::First, "ryx", false, "y+x"),
        row(1, End::Second, "!", true, ""),
    ];
    let mut seen = seen(End::Second, passage);
    seen.sort_by_key(|(_, towards, text, ..)| (towards.number(), text.clone()));
    assert_eq!(seen, expected);
}

#[test]
fn a_frame_that_is_kept_leaves_the_name_of_the_box() {
    let mut boxes = xy();
    let passage = pass(&mut boxes, End::Second, "-");
    assert_eq!(passage.kept_by.as_ref().map(Name::as_str), Some("y"));
    assert_eq!(seen(End::First, passage), []);
}

#[test]
fn of_two_that_stand_for_one_the_second_is_forged() {
    let mut boxes = Boxes::default();
    boxes.place(1, "x", Box::new(Letter(b'x')));
    let passage = pass(&mut boxes, End::First, "2");
    let expected = [
        row(1, End::Second, "ax", true, "x"),
        row(1, End::Second, "bx", false, "x"),
    ];
    assert_eq!(passage.kept_by, None);
    assert_eq!(seen(End::Second, passage), expected);
}

#[test]
fn a_frame_that_goes_to_another_path_is_lost_on_its_own() {
    let mut boxes = xy();
    let passage = pass(&mut boxes, End::First, ">");
    assert_eq!(passage.kept_by.as_ref().map(Name::as_str), Some("x"));
    assert_eq!(
        seen(End::Second, passage),
        [row(2, End::Second, ">", false, "x")]
    );
}

#[test]
fn a_box_is_called_when_its_time_has_come_and_not_before() {
    let now = Instant::now();
    let due = now + Duration::from_secs(1);
    let mut boxes = Boxes::default();
    boxes.place(1, "clock", Box::new(Clock(Some(due))));
    boxes.place(1, "x", Box::new(Letter(b'x')));
    assert_eq!(boxes.due(), Some(due));
    assert_eq!(boxes.tick(now).expect("an end"), []);
    let expected = [
        row(1, End::First, "t", false, "clock"),
        row(1, End::Second, "tx", false, "clock+x"),
    ];
    assert_eq!(made(boxes.tick(due).expect("an end")), expected);
    assert_eq!(boxes.due(), None);
}

#[test]
fn boxes_that_answer_each_other_without_end_are_an_error() {
    let mut boxes = Boxes::default();
    boxes.place(1, "left", Box::new(Mirror));
    boxes.place(1, "clock", Box::new(Clock(Some(Instant::now()))));
    boxes.place(1, "right", Box::new(Mirror));
    boxes.tick(Instant::now()).expect_err("for ever");
}

#[test]
fn a_box_that_was_removed_is_gone() {
    let mut boxes = Boxes::default();
    let id = boxes.place(1, "x", Box::new(Letter(b'x')));
    assert!(boxes.stand_on(1) && !boxes.stand_on(2));
    assert!(boxes.remove(id) && !boxes.remove(id));
    assert!(!boxes.stand_on(1));
    assert_eq!(boxes.hits(id), None);
    let passage = pass(&mut boxes, End::Second, "f");
    assert_eq!(
        seen(End::First, passage),
        [row(1, End::First, "f", true, "")]
    );
}
