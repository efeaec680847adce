//! Where wire, kernels and peers contradict each other.

use mpws_model::Side;
use mpws_model::result::{Check, TransportKind};

use super::check::check;
use super::transport::Proven;
use crate::testimony::{Kernel, Peer, Testimony};

/// What does not fit together, in words; empty where everything does.
pub(super) fn contradictions(testimony: &Testimony, proven: &[Proven]) -> Vec<String> {
    let mut found = handshakes_not_counted(testimony, proven);
    found.extend(asked_for_in_secret(testimony, proven));
    // With several connections nobody can tell which of them a peer or a kernel speaks of.
    if let [only] = proven {
        for (side, peer) in testimony.peers.both() {
            found.extend(claims_otherwise(side, peer, *only));
        }
        if only.kind == TransportKind::Mptcp {
            for (side, kernel) in testimony.kernels.both() {
                found.extend(lists_none(side, kernel));
            }
        }
    }
    found
}

/// The check that stands for all of them.
pub(super) fn agree(contradictions: &[String]) -> Check {
    let none = "no contradiction";
    let held = contradictions.is_empty();
    let observed = match held {
        true => none.to_owned(),
        false => contradictions.join("; "),
    };
    check("the witnesses agree", none, &observed, held)
}

/// Every MPTCP connection of the wire must have moved the counter of its end.
fn handshakes_not_counted(testimony: &Testimony, proven: &[Proven]) -> Vec<String> {
    let carried = |one: &&Proven| one.kind == TransportKind::Mptcp && one.subflows > 0;
    let agreed = i64::try_from(proven.iter().filter(carried).count()).unwrap_or(i64::MAX);
    let counters = [
        (Side::Client, "MPCapableSYNACKRX"),
        (Side::Server, "MPCapableACKRX"),
    ];
    let told = counters.into_iter().filter_map(|(side, name)| {
        let kernel = format!("the {}'s kernel", side.word());
        match testimony.kernels.of(side).moved.of(name) {
            Some(count) if count < agreed => Some(format!(
                "the wire shows {agreed} MPTCP connections, but {name} of {kernel} moved by {count}"
            )),
            None if agreed > 0 => Some(format!("{kernel} has no counter {name}")),
            _ => None,
        }
    });
    told.collect()
}

/// Where the wire shows plain TCP alone, no kernel may have received MP_CAPABLE.
fn asked_for_in_secret(testimony: &Testimony, proven: &[Proven]) -> Vec<String> {
    let plain = !proven.is_empty() && proven.iter().all(|one| one.kind == TransportKind::Tcp);
    let both = testimony.kernels.both();
    let received = both.into_iter().filter(|(_, kernel)| {
        let moved = kernel.moved.of("MPCapableSYNRX");
        plain && moved.is_some_and(|count| count > 0)
    });
    let told = received.map(|(side, _)| {
        format!(
            "the wire shows plain TCP, but the {}'s kernel received MP_CAPABLE",
            side.word()
        )
    });
    told.collect()
}

/// A peer's open connections must be what the wire shows.
fn claims_otherwise(side: Side, peer: &Peer, only: Proven) -> Vec<String> {
    let is_mptcp = only.kind == TransportKind::Mptcp;
    // The server looks when it accepts: a fallback after that is no lie.
    if side == Side::Server && only.is_late() {
        return Vec::new();
    }
    let open = peer.connections.iter().flatten().filter(|one| one.open);
    let claims = open.filter_map(|one| one.is_mptcp);
    let told = claims.filter(|claim| *claim != is_mptcp).map(|claim| {
        format!(
            "the {} says that its connection is {}MPTCP, the wire shows {}",
            side.word(),
            if claim { "" } else { "not " },
            only.describe()
        )
    });
    told.collect()
}

/// A kernel that was asked while an MPTCP connection stood must have listed it.
fn lists_none(side: Side, kernel: &Kernel) -> Option<String> {
    let sockets = kernel.sockets.as_ref()?;
    let live = sockets.iter().any(|one| one.fallback == Some(false));
    (!live).then(|| {
        format!(
            "the wire shows MPTCP, but the {}'s kernel lists no live MPTCP socket",
            side.word()
        )
    })
}

#[cfg(test)]
#[path = "witnesses_tests.rs"]
mod tests;
