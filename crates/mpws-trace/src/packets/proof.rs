//! Whether those who join a connection, or announce addresses in it, hold its keys.

use std::net::IpAddr;

use mpws_codec::mptcp::{
    AddAddr, AddressId, Key, MpJoin, MptcpOption, Nonce, Token,
    crypto::{add_addr_hmac, join_hmac},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    connection::{Connection, Role},
    direction::Direction,
    packet::{Image, View},
};

/// Whether an HMAC or key is what it must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// It is.
    Verified,
    /// It is not.
    Wrong,
    /// The keys, or the packets that would tell, are not in the capture.
    #[default]
    Unknown,
}

/// The opening of a subflow by MP_JOIN, as the end that has to check it got it (RFC 8684 section
/// 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinCheck {
    /// Token in the SYN.
    pub token: Token,
    /// Address id that the opener of the subflow gave its address; from the SYN as it was sent.
    pub initiator_id: Option<AddressId>,
    /// Address id that the other end gave its address; from the SYN/ACK as it was sent.
    pub responder_id: Option<AddressId>,
    /// B in the SYN.
    pub initiator_backup: bool,
    /// B in the SYN/ACK.
    pub responder_backup: bool,
    /// HMAC of the SYN/ACK as it arrived, 64 bits.
    pub syn_ack: Proof,
    /// HMAC of the third ACK as it arrived, 160 bits.
    pub ack: Proof,
    /// HMAC of the SYN/ACK as it was sent, for the nonces that its sender knew.
    pub syn_ack_sent: Proof,
    /// HMAC of the third ACK as it was sent, for the nonces that its sender knew.
    pub ack_sent: Proof,
    /// The three packets arrived with MP_JOIN.
    pub established: bool,
}

impl JoinCheck {
    /// Whether the subflow came about and both ends proved that they hold the keys.
    pub fn proven(&self) -> bool {
        self.established && self.syn_ack == Proof::Verified && self.ack == Proof::Verified
    }
}

impl Proof {
    /// `Verified` or `Wrong`.
    pub(crate) fn of(right: bool) -> Self {
        if right { Self::Verified } else { Self::Wrong }
    }

    /// The word that serde writes.
    pub fn word(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Wrong => "wrong",
            Self::Unknown => "unknown",
        }
    }
}

impl Connection {
    /// How each subflow in [`joins`](Self::joins) was opened, in the same order.
    pub fn join_checks(&self) -> Vec<JoinCheck> {
        self.joins
            .iter()
            .filter_map(|join| check(self, join))
            .collect()
    }

    /// Keys of the end that sends in a direction of this connection, and of the other end. Version
    /// 0 hashes its keys otherwise, so they tell nothing here.
    pub(crate) fn keys(&self, direction: Direction) -> Option<(Key, Key)> {
        let (initiator, responder) = (self.initiator_key?, self.responder_key?);
        if self.mptcp_version() == Some(0) {
            return None;
        }
        Some(match direction {
            Direction::ToResponder => (initiator, responder),
            Direction::ToInitiator => (responder, initiator),
        })
    }

    /// Whether an announcement of an address bears the right HMAC, for the direction of this
    /// connection in which it was sent.
    pub(crate) fn add_addr_proof(&self, direction: Direction, add: &AddAddr) -> Proof {
        let (Some((own, other)), Some(hmac)) = (self.keys(direction), add.hmac) else {
            return Proof::Unknown;
        };
        let address: IpAddr = add.address;
        Proof::of(hmac == add_addr_hmac(own, other, add.id, address, add.port))
    }
}

fn check(owner: &Connection, join: &Connection) -> Option<JoinCheck> {
    let Role::Join(token) = join.role else {
        return None;
    };
    let syn = |view| {
        find(join, Direction::ToResponder, view, |image, found| {
            (image.syn && matches!(found, MpJoin::Syn { .. })).then_some(*found)
        })
    };
    let syn_ack = |view| {
        find(join, Direction::ToInitiator, view, |image, found| {
            (image.syn && matches!(found, MpJoin::SynAck { .. })).then_some(*found)
        })
    };
    let ack = |view| {
        find(
            join,
            Direction::ToResponder,
            view,
            |image, found| match found {
                MpJoin::Ack { hmac, .. } if !image.syn => Some(*hmac),
                _ => None,
            },
        )
    };
    let (syn_sent, syn_got) = (syn(View::Sent), syn(View::Delivered));
    let (answer_sent, answer_got) = (syn_ack(View::Sent), syn_ack(View::Delivered));
    let (ack_sent, ack_got) = (ack(View::Sent), ack(View::Delivered));
    // Who opens the subflow is the initiator here, whatever end of the connection it is.
    let keys = owner.keys(if join.opened_by_responder {
        Direction::ToInitiator
    } else {
        Direction::ToResponder
    });
    let answer_proof = |syn: Option<MpJoin>, answer: Option<MpJoin>| {
        let nonce = syn.and_then(nonce_of);
        match (keys, nonce, answer) {
            (
                Some((opener, other)),
                Some(nonce),
                Some(MpJoin::SynAck {
                    hmac, nonce: own, ..
                }),
            ) => {
                let right = join_hmac(other, opener, own, nonce);
                Proof::of(right.starts_with(&hmac))
            }
            _ => Proof::Unknown,
        }
    };
    let ack_proof = |syn: Option<MpJoin>, answer: Option<MpJoin>, ack: Option<[u8; 20]>| {
        let nonces = syn.and_then(nonce_of).zip(answer.and_then(nonce_of));
        match (keys, nonces, ack) {
            (Some((opener, other)), Some((own, theirs)), Some(hmac)) => {
                Proof::of(join_hmac(opener, other, own, theirs).starts_with(&hmac))
            }
            _ => Proof::Unknown,
        }
    };
    let form = |found: Option<MpJoin>| match found {
        Some(MpJoin::Syn { common, .. } | MpJoin::SynAck { common, .. }) => Some(common),
        _ => None,
    };
    Some(JoinCheck {
        token,
        initiator_id: form(syn_sent).map(|form| form.address),
        responder_id: form(answer_sent).map(|form| form.address),
        initiator_backup: form(syn_sent).is_some_and(|form| form.backup),
        responder_backup: form(answer_sent).is_some_and(|form| form.backup),
        syn_ack: answer_proof(syn_sent, answer_got),
        ack: ack_proof(syn_got, answer_sent, ack_got),
        syn_ack_sent: answer_proof(syn_got, answer_sent),
        ack_sent: ack_proof(syn_sent, answer_got, ack_sent),
        established: join.established && join.agreed,
    })
}

fn nonce_of(join: MpJoin) -> Option<Nonce> {
    match join {
        MpJoin::Syn { nonce, .. } | MpJoin::SynAck { nonce, .. } => Some(nonce),
        MpJoin::Ack { .. } => None,
    }
}

fn find<T>(
    join: &Connection,
    way: Direction,
    view: View,
    which: impl Fn(&Image, &MpJoin) -> Option<T>,
) -> Option<T> {
    join.packets
        .iter()
        .filter(|packet| packet.direction == way)
        .filter_map(|packet| view.of(packet))
        .find_map(|image| {
            image.mptcp.iter().find_map(|option| match option {
                MptcpOption::MpJoin(found) => which(image, found),
                _ => None,
            })
        })
}

#[cfg(test)]
#[path = "proof_tests.rs"]
mod tests;
