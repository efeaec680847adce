//! What carried the bytes of a connection.

use super::{
    cause::{Cause, TransportTruth},
    facts,
};
use crate::{
    packets::{Connection, Direction, Packet, Role, View},
    tracks::{Track, range},
};

impl Connection {
    /// What carried the bytes of this connection, joins included.
    ///
    /// A connection on which data was sent in some direction, none of it arrived and some was lost
    /// on the wire counts as not established ([`Cause::DataDropped`]): nobody could use it.
    ///
    /// With further subflows, a subflow that lost its options and was then reset is no fallback:
    /// the connection goes on without it (RFC 8684 section 3.7).
    pub fn transport(&self) -> TransportTruth {
        if self.role == Role::Unknown && !self.agreed {
            return TransportTruth::NotEstablished {
                cause: Cause::NotCaptured,
            };
        }
        if self.role != Role::Unknown && !self.established {
            return TransportTruth::NotEstablished {
                cause: self.why_not_established(),
            };
        }
        if self.lost_all_data(Direction::ToResponder) || self.lost_all_data(Direction::ToInitiator)
        {
            return TransportTruth::NotEstablished {
                cause: Cause::DataDropped,
            };
        }
        let asked = match self.role {
            Role::Initial => self.to_responder.sent.syn_mp_capable > 0,
            Role::Join(_) | Role::Unknown => true,
        };
        if !asked {
            return TransportTruth::Tcp;
        }
        if self.stayed_mptcp() {
            let carried = self
                .subflows()
                .filter(|subflow| subflow.carried_mapped_data())
                .count();
            return TransportTruth::Mptcp {
                subflows: u32::try_from(carried).unwrap_or(u32::MAX),
            };
        }
        TransportTruth::Fallback {
            cause: self.why_fallen_back(),
        }
    }

    fn why_not_established(&self) -> Cause {
        let (request, answer) = (&self.to_responder, &self.to_initiator);
        if self.refused {
            Cause::SynRefused
        } else if request.delivered.syn == 0 {
            Cause::SynDropped
        } else if answer.sent.syn > 0 && answer.delivered.syn == 0 {
            Cause::SynAckDropped
        } else if answer.delivered.syn > 0 && request.dropped > 0 {
            Cause::DataDropped
        } else {
            Cause::PeerSilent
        }
    }

    /// Whether data was sent in this direction, the wire lost some and nothing came through on any
    /// subflow.
    fn lost_all_data(&self, direction: Direction) -> bool {
        let flows = || {
            self.subflows()
                .map(move |subflow| subflow.flow_of_owner(direction))
        };
        flows().any(|flow| flow.dropped_data > 0)
            && flows().all(|flow| flow.delivered.payload_bytes == 0)
    }

    fn stayed_mptcp(&self) -> bool {
        let flows = [&self.to_responder, &self.to_initiator];
        let infinite = flows.iter().any(|flow| flow.delivered.infinite_mapping > 0);
        let unmapped = flows.iter().any(|flow| flow.unmapped_bytes > 0);
        if self.agreed && !unmapped && !infinite {
            return true;
        }
        let reset = flows.iter().any(|flow| flow.delivered.rst > 0);
        let joined = self
            .joins
            .iter()
            .any(|join| join.agreed && join.established);
        self.agreed && joined && reset && !infinite
    }

    fn why_fallen_back(&self) -> Cause {
        let (request, answer) = (&self.to_responder, &self.to_initiator);
        if matches!(self.role, Role::Initial) {
            let syn_stripped = self.syn_stripped(Direction::ToResponder);
            let syn_ack_stripped = self.syn_stripped(Direction::ToInitiator);
            if self.was_proxied() {
                return Cause::Proxied;
            }
            if request.delivered.syn_mp_capable == 0 {
                return match (syn_stripped, syn_ack_stripped) {
                    (true, true) => Cause::OptionStrippedBoth,
                    (true, false) => Cause::OptionStrippedSyn,
                    _ => Cause::SynDropped,
                };
            }
            if answer.sent.syn_mp_capable == 0 {
                let changed =
                    self.option_changed(|packet| packet.direction == Direction::ToResponder);
                return if changed {
                    Cause::OptionChanged
                } else {
                    Cause::RemoteIsTcp
                };
            }
            if answer.delivered.syn_mp_capable == 0 {
                return match (syn_stripped, syn_ack_stripped) {
                    (true, true) => Cause::OptionStrippedBoth,
                    (false, true) => Cause::OptionStrippedSynAck,
                    _ => Cause::SynAckDropped,
                };
            }
            if !self.agreed && request.sent.syn > request.sent.syn_mp_capable {
                // The initiator stopped asking before an answer came through.
                let answers_lost = answer.dropped > 0;
                return if answers_lost {
                    Cause::SynAckDropped
                } else {
                    Cause::SynDropped
                };
            }
        }
        self.why_given_up()
    }

    /// Why it fell back after both ends had seen each other's MP_CAPABLE.
    fn why_given_up(&self) -> Cause {
        let flows = [&self.to_responder, &self.to_initiator];
        if flows
            .iter()
            .any(|flow| flow.sent.infinite_mapping + flow.sent.mp_fail > 0)
        {
            return Cause::InfiniteMapping;
        }
        let in_use = self.in_use_from();
        if let Some((index, packet)) = self.first(packet_stripped) {
            return match packet.direction {
                _ if in_use.is_some_and(|in_use| in_use < index) => Cause::FellBackMidStream,
                Direction::ToResponder => Cause::OptionStrippedClientData,
                Direction::ToInitiator => Cause::OptionStrippedServerData,
            };
        }
        let payload_changed = flows.iter().any(|flow| flow.payload_changed > 0);
        if self.checksum && payload_changed {
            return Cause::PayloadChanged;
        }
        if self.option_changed(|_| true) {
            return Cause::OptionChanged;
        }
        match (in_use, self.first_unmapped()) {
            (Some(in_use), Some(unmapped)) if in_use < unmapped => Cause::FellBackMidStream,
            _ => Cause::FellBackEarly,
        }
    }

    /// Whether the first SYN that came to the responder, and the first SYN/ACK that came to the
    /// initiator, were both made up on the way.
    fn was_proxied(&self) -> bool {
        Direction::BOTH.into_iter().all(|direction| {
            let mut arrived = self.packets.iter().filter(|packet| {
                packet.direction == direction
                    && packet.delivered.as_ref().is_some_and(|image| image.syn)
            });
            arrived.next().is_some_and(|packet| packet.sent.is_none())
        })
    }

    /// Whether a SYN (or SYN/ACK) lost its MP_CAPABLE on the way.
    fn syn_stripped(&self, direction: Direction) -> bool {
        self.first(|packet| {
            packet.direction == direction
                && matches!((&packet.sent, &packet.delivered), (Some(sent), Some(delivered))
                    if sent.syn && sent.mp_capable().is_some() && delivered.mp_capable().is_none())
        })
        .is_some()
    }

    /// Whether an option without which there is no MPTCP arrived otherwise than it left, on such a
    /// packet.
    fn option_changed(&self, which: impl Fn(&Packet) -> bool) -> bool {
        self.first(|packet| {
            which(packet)
                && matches!((&packet.sent, &packet.delivered), (Some(sent), Some(delivered))
                    if (sent.mp_capable(), sent.mp_join(), sent.dss())
                        != (delivered.mp_capable(), delivered.mp_join(), delivered.dss()))
        })
        .is_some()
    }

    /// Index of the packet with which DSS had arrived in both directions.
    fn in_use_from(&self) -> Option<usize> {
        let first_dss = |direction| {
            let found = self.first(|packet| {
                packet.direction == direction
                    && packet.delivered.as_ref().is_some_and(|image| {
                        image.dss().is_some() || image.capable_length().is_some()
                    })
            });
            found.map(|(index, _)| index)
        };
        Some(first_dss(Direction::ToResponder)?.max(first_dss(Direction::ToInitiator)?))
    }

    /// Index of the first packet with data that no mapping covers.
    pub(crate) fn first_unmapped(&self) -> Option<usize> {
        let first = |direction| {
            let track = Track::of(self, direction, View::Delivered);
            let mapped = facts::mapped_ranges(&track);
            let unmapped = track.pieces.iter().find(|piece| {
                let (start, end) = range(piece.place, piece.length as usize);
                mapped.missing(start, end) > 0
            });
            unmapped.map(|piece| piece.packet as usize)
        };
        let both = [first(Direction::ToResponder), first(Direction::ToInitiator)];
        both.into_iter().flatten().min()
    }

    fn first(&self, which: impl Fn(&Packet) -> bool) -> Option<(usize, &Packet)> {
        self.packets
            .iter()
            .enumerate()
            .find(|(_, packet)| which(packet))
    }
}

fn packet_stripped(packet: &Packet) -> bool {
    matches!((&packet.sent, &packet.delivered), (Some(sent), Some(delivered))
        if !sent.syn && facts::lost_mptcp(sent, delivered))
}

#[cfg(test)]
#[path = "verdict_table.rs"]
mod table;
#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
