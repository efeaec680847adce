//! Waiting for what kernels and the wire do by themselves, and judging it while the cell runs.
//!
//! Over plain TCP, in a control, there is nothing to wait for and nothing to judge: what is about
//! MPTCP alone does nothing there.

use std::time::{Duration, Instant};

use mptcp::Token;
use mptcp::counters::CounterDelta;
use mptcp::pm::{Event, EventKind};
use mpws_judge::Count;
use mpws_lab::middlebox::Middlebox;
use mpws_lab::rule::{Action, Rule};
use mpws_lab::{BoxId, RuleId};
use mpws_model::{Side, shown};

use super::end::CellEnd;
use super::running::{Cell, PathEvents};
use crate::deadline;

/// Waiting for what the kernels do by themselves.
impl Cell {
    /// Hears the path events of both hosts from now on; do it before connecting.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the events of a host cannot be had.
    pub fn hear_paths(&mut self) -> Result<(), CellEnd> {
        for side in [Side::Client, Side::Server] {
            let socket = self
                .host(side)
                .events()
                .map_err(|error| CellEnd::broken("path events cannot be heard", &error))?;
            self.events_of(side).socket = Some(socket);
        }
        Ok(())
    }

    /// Waits until so many subflows have joined at both sides since [`Cell::hear_paths`].
    ///
    /// # Errors
    ///
    /// Those of [`Cell::until_event`].
    pub fn until_joined(&mut self, joins: usize) -> Result<(), CellEnd> {
        let sides = [Side::Client, Side::Server];
        for side in sides.into_iter().filter(|_| joins > 0) {
            self.until_event(side, EventKind::SubflowEstablished, joins)?;
        }
        Ok(())
    }

    /// Waits until a side has had so many events of a kind since [`Cell::hear_paths`], and returns
    /// the last of them; nothing in a control.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where they do not come within [`deadline::JOIN_MS`], [`CellEnd::Broken`]
    /// where events were lost or [`Cell::hear_paths`] was not called.
    pub fn until_event(
        &mut self,
        side: Side,
        kind: EventKind,
        count: usize,
    ) -> Result<Option<Event>, CellEnd> {
        if !self.over_mptcp() {
            return Ok(None);
        }
        let until = Instant::now() + Duration::from_millis(deadline::JOIN_MS);
        let events = self.events_of(side);
        loop {
            let mut fitting = events.heard.iter().filter(|event| event.kind == kind);
            if let Some(event) = fitting.nth(count.saturating_sub(1)) {
                return Ok(Some(event.clone()));
            }
            let Some(socket) = &mut events.socket else {
                return Err(CellEnd::Broken("nobody hears path events".to_owned()));
            };
            match socket.next(until) {
                Ok(Some(event)) => events.heard.push(event),
                Ok(None) => {
                    return Err(CellEnd::Failed(format!(
                        "the kernel of the {} told of {} events {} within {} ms, {count} were due",
                        side.word(),
                        events
                            .heard
                            .iter()
                            .filter(|event| event.kind == kind)
                            .count(),
                        shown(&kind),
                        deadline::JOIN_MS
                    )));
                }
                Err(error) => return Err(CellEnd::broken("path events were lost", &error)),
            }
        }
    }

    /// The events that a side has had so far, up to the last that was waited for.
    pub fn heard(&mut self, side: Side) -> Vec<Event> {
        self.events_of(side).heard.clone()
    }

    /// Counts packets from now on without touching them. A packet that an earlier rule decides is
    /// not counted.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the lab does not do it.
    pub fn watch(&self, name: &str, narrow: impl FnOnce(Rule) -> Rule) -> Result<RuleId, CellEnd> {
        let rule = narrow(Rule::new(name, Action::Pass));
        self.lab
            .install(&rule)
            .map_err(|error| CellEnd::broken(format!("rule {name} was not installed"), &error))
    }

    /// Judges that nothing was counted by a watch, and ends it.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where the lab does not do it.
    pub fn never_hit(&mut self, name: &str, watch: RuleId) -> Result<(), CellEnd> {
        let hits = self
            .lab
            .hits(watch)
            .map_err(|error| CellEnd::broken("a rule's hits were not read", &error))?;
        let words = |any: bool| if any { "some" } else { "none" };
        self.check(
            &format!("packets counted as {name}"),
            words(false),
            words(hits > 0),
            hits == 0,
        );
        self.lab
            .remove(watch)
            .map_err(|error| CellEnd::broken("a rule was not removed", &error))
    }

    /// Waits until a rule has decided so many packets.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where it has not within [`deadline::STEP_MS`], [`CellEnd::Broken`] where
    /// the lab cannot be asked.
    pub fn until_hit(&mut self, name: &str, rule: RuleId, count: u64) -> Result<(), CellEnd> {
        let hits = |cell: &Self| {
            cell.lab
                .hits(rule)
                .map_err(|error| CellEnd::broken("a rule's hits were not read", &error))
        };
        self.until(&format!("rule {name} decided {count} packets"), |cell| {
            Ok(hits(cell)? >= count)
        })
    }

    /// Waits until a middlebox has done something to a packet.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where it has not within [`deadline::STEP_MS`], [`CellEnd::Broken`] where
    /// the lab cannot be asked.
    pub fn until_box_hit(&mut self, middlebox: &Middlebox, id: BoxId) -> Result<(), CellEnd> {
        let what = format!("box {} changed a packet", middlebox.name());
        self.until(&what, |cell| Ok(cell.box_hits(id)? > 0))
    }

    /// Waits until a counter of a side's kernel has moved by so much; at once in a control.
    ///
    /// `Unprovable` where this kernel does not count it.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Unprovable`] where this kernel does not count it, [`CellEnd::Failed`] where it
    /// has not moved within [`deadline::STEP_MS`], [`CellEnd::Broken`] where the counters cannot be
    /// read.
    pub fn until_moved(&mut self, side: Side, name: &str, by: i64) -> Result<(), CellEnd> {
        if !self.over_mptcp() {
            return Ok(());
        }
        let what = format!("counter {name} of the {} moved by {by}", side.word());
        self.until(&what, |cell| Ok(cell.moved(side, name)? >= by))
    }

    /// Waits until both kernels know that all they sent was taken by the other end (DATA_ACK); at
    /// once in a control.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where it is not so within [`deadline::STEP_MS`], [`CellEnd::Broken`]
    /// where a kernel cannot be asked.
    pub fn until_all_acknowledged(&mut self) -> Result<(), CellEnd> {
        if !self.over_mptcp() {
            return Ok(());
        }
        self.until("all data is acknowledged at both ends", |cell| {
            let now = cell.kernels.mptcp_sockets()?;
            let mut infos = now
                .iter()
                .flatten()
                .filter_map(|socket| socket.info.as_ref());
            Ok(infos.all(|info| info.snd_una == info.write_seq))
        })
    }

    /// Judges by how much a counter of a side's kernel has moved so far.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Unprovable`] where this kernel does not count it, [`CellEnd::Broken`] where the
    /// counters cannot be read.
    pub fn counted(&mut self, side: Side, name: &str, count: Count) -> Result<(), CellEnd> {
        if !self.over_mptcp() {
            return Ok(());
        }
        let moved = self.moved(side, name)?;
        self.check(
            &format!("counter {name} of the {}", side.word()),
            &count.describe(),
            &moved.to_string(),
            count.holds(moved),
        );
        Ok(())
    }

    /// Judges how many subflows the kernels of both sides say that the connection has now, the
    /// first included.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Broken`] where a kernel cannot be asked.
    pub fn subflows_now(&mut self, count: Count) -> Result<(), CellEnd> {
        if !self.over_mptcp() {
            return Ok(());
        }
        let [client, server] = self.kernels.mptcp_sockets()?;
        for (side, sockets) in [(Side::Client, &client), (Side::Server, &server)] {
            let total = sockets
                .iter()
                .find_map(|socket| socket.info.as_ref()?.subflows_total);
            let observed = total.map_or_else(|| "nothing".to_owned(), |total| total.to_string());
            self.check(
                &format!("subflows that the {}'s kernel lists", side.word()),
                &count.describe(),
                &observed,
                total.is_some_and(|total| count.holds(total.into())),
            );
        }
        Ok(())
    }

    /// Token of the one MPTCP connection of a side, as its kernel lists it.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where the kernel lists no MPTCP connection, [`CellEnd::Broken`] where it
    /// cannot be asked.
    pub fn token(&mut self, side: Side) -> Result<Token, CellEnd> {
        let [client, server] = self.kernels.mptcp_sockets()?;
        let sockets = match side {
            Side::Client => client,
            Side::Server => server,
        };
        let token = sockets.iter().find_map(mptcp::diag::MptcpSocket::token);
        token.ok_or_else(|| {
            CellEnd::Failed(format!(
                "the kernel of the {} lists no MPTCP connection",
                side.word()
            ))
        })
    }

    fn moved(&mut self, side: Side, name: &str) -> Result<i64, CellEnd> {
        let (client, server): (CounterDelta, CounterDelta) = self.kernels.deltas()?;
        let moved = match side {
            Side::Client => client.of(name),
            Side::Server => server.of(name),
        };
        moved.ok_or_else(|| CellEnd::Unprovable(format!("this kernel does not count {name}")))
    }

    /// Whether something comes to hold within [`deadline::GLANCE_LONG_MS`]. For what is recorded,
    /// not judged.
    ///
    /// # Errors
    ///
    /// Those of `holds`.
    pub fn whether(
        &mut self,
        mut holds: impl FnMut(&mut Self) -> Result<bool, CellEnd>,
    ) -> Result<bool, CellEnd> {
        let until = Instant::now() + Duration::from_millis(deadline::GLANCE_LONG_MS);
        while Instant::now() < until {
            if holds(self)? {
                return Ok(true);
            }
            std::thread::sleep(Duration::from_millis(deadline::LOOK_AGAIN_MS));
        }
        Ok(false)
    }

    /// Looks again and again until something holds. The pause is a courtesy to the other cells;
    /// nothing rests on it.
    pub(super) fn until(
        &mut self,
        what: &str,
        mut holds: impl FnMut(&mut Self) -> Result<bool, CellEnd>,
    ) -> Result<(), CellEnd> {
        let until = Instant::now() + Duration::from_millis(deadline::STEP_MS);
        while !holds(self)? {
            if Instant::now() >= until {
                let limit = deadline::STEP_MS;
                return Err(CellEnd::Failed(format!("not within {limit} ms: {what}")));
            }
            std::thread::sleep(Duration::from_millis(deadline::LOOK_AGAIN_MS));
        }
        Ok(())
    }

    fn events_of(&mut self, side: Side) -> &mut PathEvents {
        match side {
            Side::Client => &mut self.paths.client,
            Side::Server => &mut self.paths.server,
        }
    }
}
