//! Several paths: endpoints, limits, joins, links, and what must be seen of them.
//!
//! Over plain TCP, in a control, there is nothing to wait for and nothing to judge: what is about MPTCP alone does nothing there.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use mptcp::counters::CounterDelta;
use mptcp::pm::{Endpoint, EndpointFlags, Event, EventKind, EventSocket, Limits, NetlinkError};
use mptcp::pm::{KernelRefusal, PathManager};
use mptcp::{AddressId, Token};
use mpws_judge::Count;
use mpws_judge::demands::Carried;
use mpws_lab::middlebox::Middlebox;
use mpws_lab::rule::{Action, Rule};
use mpws_lab::{BoxId, RuleId};

use super::{Cell, CellEnd};
use crate::case::Side;
use crate::deadline;
use crate::sabotage::Sabotage;
use mpws_model::shown;

/// What a cell has heard of its paths.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    client: Ears,
    server: Ears,
}

/// The events of one host.
#[derive(Debug, Default)]
struct Ears {
    socket: Option<EventSocket>,
    heard: Vec<Event>,
}

/// What must be seen once the cell is over.
impl Cell {
    /// So many further subflows must have joined the one connection of the cell: complete on the wire, and counted by both
    /// kernels.
    pub fn expect_joins(&mut self, joins: Count) {
        self.demands.joins = Some(joins);
    }

    /// A path must have carried payload of the connection, or must not.
    pub fn expect_carried(&mut self, path: u8, carried: bool) {
        self.demands.carried.push(Carried {
            path,
            payload: carried,
        });
    }

    /// The wire must show that every message to the server came back once, in order, whatever the programs say.
    pub fn expect_echoes(&mut self) {
        self.demands.echoed = true;
    }

    /// The wire must have lost packets of the connection on this path.
    pub fn expect_dropped(&mut self, path: u8) {
        self.demands.dropped.push(path);
    }

    /// The wire must show a message whose parts arrived on different paths.
    pub fn expect_split_message(&mut self) {
        self.demands.split = true;
    }
}

/// Endpoints, limits and links.
impl Cell {
    /// Address of a side on a path, of the cell's IP version.
    pub fn path_address(&self, side: Side, path: u8) -> IpAddr {
        self.path_address_in(side, path, self.ip)
    }

    /// Address of a side on a path, of this IP version.
    pub fn path_address_in(&self, side: Side, path: u8, ip: crate::case::Ip) -> IpAddr {
        self.host(side).address(path, ip)
    }

    /// Asks the path manager of a side for something that must work.
    pub fn manage<T>(
        &self,
        side: Side,
        what: &str,
        ask: impl FnOnce(&mut PathManager) -> Result<T, NetlinkError>,
    ) -> Result<T, CellEnd> {
        let what = || format!("{what} at the {} failed", side.word());
        let mut manager = self
            .host(side)
            .path_manager()
            .map_err(|error| CellEnd::broken(what(), &error))?;
        ask(&mut manager).map_err(|error| CellEnd::broken(what(), &error))
    }

    /// Asks the path manager of a side for something that it may refuse.
    pub fn try_manage<T>(
        &self,
        side: Side,
        what: &str,
        ask: impl FnOnce(&mut PathManager) -> Result<T, NetlinkError>,
    ) -> Result<Result<T, KernelRefusal>, CellEnd> {
        self.manage(side, what, |manager| match ask(manager) {
            Ok(done) => Ok(Ok(done)),
            Err(NetlinkError::Refused(refusal)) => Ok(Err(refusal)),
            Err(other) => Err(other),
        })
    }

    /// Sets the limits of a side: subflows besides the first, and announced addresses that it accepts.
    pub fn limits(&self, side: Side, subflows: u32, add_addr_accepted: u32) -> Result<(), CellEnd> {
        if self.sabotage == Some(Sabotage::LimitsLeftOut) {
            return Ok(());
        }
        let limits = Limits {
            subflows,
            add_addr_accepted,
        };
        self.manage(side, "setting the limits", |manager| {
            manager.set_limits(limits)
        })
    }

    /// Adds an endpoint for a side's address on a path. Its id is the number of the path.
    pub fn endpoint(&self, side: Side, path: u8, flags: EndpointFlags) -> Result<(), CellEnd> {
        let endpoint = Endpoint::new(self.path_address(side, path));
        self.add_endpoint(side, &endpoint.id(path).flags(flags))
    }

    /// Adds an endpoint.
    pub fn add_endpoint(&self, side: Side, endpoint: &Endpoint) -> Result<(), CellEnd> {
        if self.sabotage == Some(Sabotage::EndpointLeftOut) {
            return Ok(());
        }
        self.manage(side, "adding an endpoint", |manager| {
            manager.add_endpoint(endpoint)
        })
    }

    /// Deletes an endpoint.
    pub fn delete_endpoint(&self, side: Side, id: u8) -> Result<(), CellEnd> {
        if self.sabotage == Some(Sabotage::CutLeftOut) {
            return Ok(());
        }
        self.manage(side, "deleting an endpoint", |manager| {
            manager.delete_endpoint(AddressId(id))
        })
    }

    /// Takes the address of the first subflow away from the connections of a side that began on it.
    pub fn delete_initial_address(&self, side: Side) -> Result<(), CellEnd> {
        if self.sabotage == Some(Sabotage::CutLeftOut) {
            return Ok(());
        }
        let address = self.path_address(side, 1);
        self.manage(side, "deleting the initial address", |manager| {
            manager.delete_initial_address(address)
        })
    }

    /// Takes a side's own address on a path away, as `ip address del` does.
    pub fn remove_address(&self, side: Side, path: u8) -> Result<(), CellEnd> {
        if self.sabotage == Some(Sabotage::CutLeftOut) {
            return Ok(());
        }
        self.host(side)
            .remove_address(path, self.ip)
            .map_err(|error| CellEnd::broken("an address was not removed", &error))
    }

    /// Makes an endpoint a backup, or no backup any more; connections that use its address tell their peers.
    pub fn set_backup(&self, side: Side, id: u8, backup: bool) -> Result<(), CellEnd> {
        if self.sabotage == Some(Sabotage::CutLeftOut) {
            return Ok(());
        }
        let flags = if backup {
            EndpointFlags::BACKUP
        } else {
            EndpointFlags::NONE
        };
        self.manage(side, "changing an endpoint", |manager| {
            manager.set_flags(AddressId(id), flags)
        })
    }

    /// Takes a side's end of a path down or up.
    pub fn link(&self, side: Side, path: u8, up: bool) -> Result<(), CellEnd> {
        if self.sabotage == Some(Sabotage::CutLeftOut) {
            return Ok(());
        }
        self.host(side)
            .set_link(path, up)
            .map_err(|error| CellEnd::broken(format!("the link of path {path} stayed"), &error))
    }
}

/// Waiting for what the kernels do by themselves.
impl Cell {
    /// Hears the path events of both hosts from now on; do it before connecting.
    pub fn hear_paths(&mut self) -> Result<(), CellEnd> {
        for side in [Side::Client, Side::Server] {
            let socket = self
                .host(side)
                .events()
                .map_err(|error| CellEnd::broken("path events cannot be heard", &error))?;
            self.ears(side).socket = Some(socket);
        }
        Ok(())
    }

    /// Waits until so many subflows have joined at both sides since [`Cell::hear_paths`].
    pub fn until_joined(&mut self, joins: usize) -> Result<(), CellEnd> {
        let sides = [Side::Client, Side::Server];
        for side in sides.into_iter().filter(|_| joins > 0) {
            self.until_event(side, EventKind::SubflowEstablished, joins)?;
        }
        Ok(())
    }

    /// Waits until a side has had so many events of a kind since [`Cell::hear_paths`], and returns the last of them;
    /// nothing in a control.
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
        let ears = self.ears(side);
        loop {
            let mut fitting = ears.heard.iter().filter(|event| event.kind == kind);
            if let Some(event) = fitting.nth(count.saturating_sub(1)) {
                return Ok(Some(event.clone()));
            }
            let Some(socket) = &mut ears.socket else {
                return Err(CellEnd::Broken("nobody hears path events".to_owned()));
            };
            match socket.next(until) {
                Ok(Some(event)) => ears.heard.push(event),
                Ok(None) => {
                    return Err(CellEnd::Failed(format!(
                        "the kernel of the {} told of {} events {} within {} ms, {count} were due",
                        side.word(),
                        ears.heard.iter().filter(|event| event.kind == kind).count(),
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
        self.ears(side).heard.clone()
    }

    /// Counts packets from now on without touching them. A packet that an earlier rule decides is not counted.
    pub fn watch(&self, name: &str, narrow: impl FnOnce(Rule) -> Rule) -> Result<RuleId, CellEnd> {
        let rule = narrow(Rule::new(name, Action::Pass));
        self.lab
            .install(&rule)
            .map_err(|error| CellEnd::broken(format!("rule {name} was not installed"), &error))
    }

    /// Judges that nothing was counted by a watch, and ends it.
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
    pub fn until_box_hit(&mut self, middlebox: &Middlebox, id: BoxId) -> Result<(), CellEnd> {
        let what = format!("box {} changed a packet", middlebox.name());
        self.until(&what, |cell| Ok(cell.box_hits(id)? > 0))
    }

    /// Waits until a counter of a side's kernel has moved by so much; at once in a control.
    ///
    /// `Unprovable` where this kernel does not count it.
    pub fn until_moved(&mut self, side: Side, name: &str, by: i64) -> Result<(), CellEnd> {
        if !self.over_mptcp() {
            return Ok(());
        }
        let what = format!("counter {name} of the {} moved by {by}", side.word());
        self.until(&what, |cell| Ok(cell.moved(side, name)? >= by))
    }

    /// Waits until both kernels know that all they sent was taken by the other end (DATA_ACK); at once in a control.
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

    /// Judges how many subflows the kernels of both sides say that the connection has now, the first included.
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

    /// Whether something comes to hold within [`deadline::GLANCE_LONG_MS`]. For what is recorded, not judged.
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

    /// Looks again and again until something holds. The pause is a courtesy to the other cells; nothing rests on it.
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

    fn ears(&mut self, side: Side) -> &mut Ears {
        match side {
            Side::Client => &mut self.paths.client,
            Side::Server => &mut self.paths.server,
        }
    }
}
