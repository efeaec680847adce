//! A rule as a box: what it leaves over goes on to the next box, so that several can stand in a
//! row.

use super::machine::{Handling, Machine, Parcel};
use super::outlet::Outlet;
use crate::rule::{Action, Rule};
use crate::topology::End;
use crate::wire::packet::Packet;
use crate::wire::rules::Rules;
use std::collections::VecDeque;
use std::io;
use std::time::Instant;

#[derive(Debug)]
pub(crate) struct RuleBox {
    path: u8,
    /// Names of the path's first and second host.
    hosts: [String; 2],
    rules: Rules,
    /// In the order of their times, since one rule has one delay.
    delayed: VecDeque<(Instant, End, Vec<u8>)>,
}

impl RuleBox {
    pub(crate) fn new(path: u8, hosts: [String; 2], rule: Rule) -> io::Result<Self> {
        let mut rules = Rules::default();
        rules.install(rule)?;
        Ok(Self {
            path,
            hosts,
            rules,
            delayed: VecDeque::new(),
        })
    }

    fn decide(&mut self, from: End, packet: &Packet, frame: &[u8]) -> Option<Action> {
        let host = match from {
            End::First => &self.hosts[0],
            End::Second => &self.hosts[1],
        };
        let decision = self.rules.decide(self.path, host, packet, frame)?;
        Some(decision.action)
    }
}

impl Machine for RuleBox {
    fn take(&mut self, from: End, mut frame: Vec<u8>, now: Instant, out: &mut Vec<Parcel>) {
        let mut out = Outlet::new(self.path, out);
        let Some(packet) = Packet::parse(&frame) else {
            return out.pass(from, frame);
        };
        match self.decide(from, &packet, &frame) {
            None | Some(Action::Pass) => out.pass(from, frame),
            Some(Action::Drop) => {}
            Some(Action::Delay(time)) => self.delayed.push_back((now + time, from, frame)),
            Some(Action::Duplicate) => {
                out.pass(from, frame.clone());
                out.pass(from, frame);
            }
            Some(Action::Reset) => {
                if let Some(reset) = packet.reset(&frame) {
                    out.forged_frame(from, reset);
                }
            }
            Some(Action::Rewrite(rewrite)) => {
                if packet.rewrite(&mut frame, rewrite) {
                    out.put(self.path, from.other(), frame, Handling::Rewritten);
                } else {
                    out.pass(from, frame);
                }
            }
        }
    }

    fn due(&self) -> Option<Instant> {
        self.delayed.front().map(|(due, ..)| *due)
    }

    fn tick(&mut self, now: Instant, out: &mut Vec<Parcel>) {
        let mut out = Outlet::new(self.path, out);
        while let Some((_, from, frame)) = self.delayed.pop_front_if(|(due, ..)| *due <= now) {
            out.forged_frame(from.other(), frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{Rewrite, Which};
    use crate::wire::boxes::rig::{Rig, rig_of, segment};
    use std::time::Duration;

    fn rig(rule: Rule) -> Rig {
        let hosts = ["client".to_owned(), "server".to_owned()];
        rig_of(RuleBox::new(1, hosts, rule).expect("a rule"))
    }

    #[test]
    fn a_rule_that_is_narrowed_to_one_host_leaves_the_other_alone() {
        let mut rig = rig(Rule::new("lose", Action::Drop).from("server"));
        let up = segment(End::First, false);
        assert_eq!(rig.send(End::First, &up).one(End::Second), up);
        assert!(
            rig.send(End::Second, &segment(End::Second, false))
                .is_empty()
        );
    }

    #[test]
    fn what_it_rewrites_goes_on() {
        let mut rig = rig(Rule::new("strip", Action::Rewrite(Rewrite::StripMptcp)));
        let mut syn = segment(End::First, true);
        assert!(syn.set_options(&[30, 4, 1, 1]));
        let seen = rig.send(End::First, &syn).one(End::Second);
        assert_eq!(seen.options(), [1, 1, 1, 1]);
    }

    #[test]
    fn what_it_delays_leaves_when_it_is_due() {
        let wait = Duration::from_millis(20);
        let late = Rule::new("late", Action::Delay(wait)).which(Which::Nth(1));
        let mut rig = rig(late);
        let one = segment(End::First, false);
        assert!(rig.send(End::First, &one).is_empty());
        assert!(rig.after(Duration::from_millis(19)).is_empty());
        assert_eq!(rig.after(Duration::from_millis(1)).one(End::Second), one);
    }
}
