//! A load balancer that does not know that joins belong to connections: it sends them to another
//! server, which does not know their token and resets them (RFC 8684 section 3.2).
//!
//! Either a real other host serves them, at the end of another path, or the box speaks for a server
//! that knows no token.

use super::machine::Handling;
use super::outlet::{OnSegments, Outlet};
use super::segment::{Flow, Segment};
use crate::middlebox::BalanceBy;
use crate::topology::{self, End};
use mpws_codec::mptcp::{Subtype, options};
use mpws_packet::Ip;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Connections that a balancer remembers; at more, it forgets all.
const LIMIT: usize = 4096;

/// Speaks for the other server, which knows no token: what would be sent there is reset.
#[derive(Debug)]
pub(crate) struct Refuse {
    pub(crate) by: BalanceBy,
}

/// Stands before the servers, on the client's path.
#[derive(Debug)]
pub(crate) struct Balance {
    by: BalanceBy,
    far: Leg,
    table: Arc<Mutex<Table>>,
}

/// Stands on the other server's path, and sends what comes from there back to the client's path.
#[derive(Debug)]
pub(crate) struct Return {
    near: u8,
    table: Arc<Mutex<Table>>,
}

/// A path to another server, and at which end that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leg {
    pub(crate) path: u8,
    pub(crate) server: End,
}

/// Connections as they are on the client's path and on the other server's.
#[derive(Debug, Default)]
struct Table {
    there: HashMap<Flow, Flow>,
    back: HashMap<Flow, Flow>,
}

/// The two boxes of a balancer from path `near`, whose first host is the client.
pub(crate) fn pair(near: u8, far: Leg, by: BalanceBy) -> (Balance, Return) {
    let table = Arc::new(Mutex::new(Table::default()));
    let balance = Balance {
        by,
        far,
        table: Arc::clone(&table),
    };
    (balance, Return { near, table })
}

impl OnSegments for Refuse {
    fn segment(
        &mut self,
        from: End,
        segment: Segment,
        frame: Vec<u8>,
        _now: Instant,
        out: &mut Outlet<'_>,
    ) {
        if from == End::First && segment.opens() && self.by.sends(&segment) {
            let mut reset = segment.refusal();
            // MP_TCPRST with the reason "MPTCP-specific error" (RFC 8684 section 3.6).
            reset.set_options(&[30, 4, 0x80, 1]);
            return out.forged(from, &reset);
        }
        out.pass(from, frame);
    }
}

impl OnSegments for Balance {
    fn segment(
        &mut self,
        from: End,
        mut segment: Segment,
        frame: Vec<u8>,
        _now: Instant,
        out: &mut Outlet<'_>,
    ) {
        let near = segment.flow(from);
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if from == End::First && segment.opens() && self.by.sends(&segment) {
            table.add(near, self.far.flow(&near));
        }
        let far = table.there.get(&near).copied();
        match far.filter(|_| from == End::First) {
            Some(far) => {
                let Leg { path, server } = self.far;
                let (client, other) = ends(&far, server);
                segment.set_source(client);
                segment.set_destination(other);
                let hardware = |end| topology::hardware_address(path, end);
                segment.set_link(hardware(server.other()), hardware(server));
                out.put(path, server, segment.frame(), Handling::Rewritten);
            }
            None => out.pass(from, frame),
        }
    }
}

impl OnSegments for Return {
    fn segment(
        &mut self,
        from: End,
        mut segment: Segment,
        frame: Vec<u8>,
        _now: Instant,
        out: &mut Outlet<'_>,
    ) {
        let far = segment.flow(from);
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        match table.back.get(&far) {
            Some(near) => {
                segment.set_source(near.second);
                segment.set_destination(near.first);
                let hardware = |end| topology::hardware_address(self.near, end);
                segment.set_link(hardware(End::Second), hardware(End::First));
                out.put(self.near, End::First, segment.frame(), Handling::Rewritten);
            }
            None => out.pass(from, frame),
        }
    }
}

impl Leg {
    /// The connection as the other server sees it: from the far end of its own path, with the
    /// client's port.
    fn flow(self, near: &Flow) -> Flow {
        let ip = if near.first.is_ipv4() { Ip::V4 } else { Ip::V6 };
        let at = |end, port| SocketAddr::new(topology::address(self.path, end, ip), port);
        let server = at(self.server, near.second.port());
        let client = at(self.server.other(), near.first.port());
        match self.server {
            End::Second => Flow {
                first: client,
                second: server,
            },
            End::First => Flow {
                first: server,
                second: client,
            },
        }
    }
}

impl Table {
    fn add(&mut self, near: Flow, far: Flow) {
        if self.there.len() >= LIMIT {
            self.there.clear();
            self.back.clear();
        }
        self.there.insert(near, far);
        self.back.insert(far, near);
    }
}

impl BalanceBy {
    fn sends(self, syn: &Segment) -> bool {
        match self {
            Self::Joins => joins(syn),
            Self::Ports => syn.tcp.source_port % 2 == 1,
        }
    }
}

/// Client and server of a connection whose server is at this end.
fn ends(flow: &Flow, server: End) -> (SocketAddr, SocketAddr) {
    match server {
        End::Second => (flow.first, flow.second),
        End::First => (flow.second, flow.first),
    }
}

fn joins(segment: &Segment) -> bool {
    segment.opens()
        && options::subtypes(segment.options()).any(|subtype| subtype == Subtype::MpJoin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::boxes::outlet::TcpOnly;
    use crate::wire::boxes::rig::{rig, rig_of, segment};

    fn join() -> Segment {
        let mut join = segment(End::First, false);
        join.tcp.syn = true;
        assert!(join.set_options(&[30, 12, 0x10, 1, 1, 2, 3, 4, 5, 6, 7, 8]));
        join
    }

    #[test]
    fn a_join_is_reset_in_the_name_of_a_server_that_knows_no_token_and_nothing_else_is() {
        let mut rig = rig(Refuse {
            by: BalanceBy::Joins,
        });
        let reset = rig.send(End::First, &join()).one(End::First);
        assert!(reset.tcp.rst && reset.tcp.acknowledgment_number == join().end());
        let mut other = join();
        assert!(other.set_options(&[30, 4, 1, 0]));
        assert_eq!(rig.send(End::First, &other).one(End::Second), other);
    }

    #[test]
    fn a_join_goes_to_the_other_path_and_its_answer_comes_back() {
        let leg = Leg {
            path: 3,
            server: End::Second,
        };
        let (there, back) = pair(1, leg, BalanceBy::Joins);
        let mut there = rig_of(TcpOnly::new(1, there));
        let sent = there.send(End::First, &join());
        assert_eq!(sent.paths(), [3]);
        let sent = sent.one(End::Second);
        assert_eq!(
            sent.destination().ip(),
            topology::address(3, End::Second, Ip::V4)
        );
        let mut back = rig_of(TcpOnly::new(3, back));
        let heard = back.send(End::Second, &sent.back());
        assert_eq!(heard.paths(), [1]);
        let heard = heard.one(End::First);
        assert_eq!(heard.source(), join().destination());
        assert_eq!(heard.destination(), join().source());
    }
}
