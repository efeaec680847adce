//! What a run leaves out of its plan.

use mpws_peers::catalogue::Pythons;
use mpws_peers::{Launcher, PeerSpec, Program};

use crate::event::RunEvent;
use crate::plan::{Plan, PlanError, Selection};
use crate::result::LeftOut;

/// A matrix has releases of many years, and hardly a Python has them all: those that do not exist
/// for the Python of this run are not planned. Only what their files state makes that so, never a
/// failure to get them; and a peer that was asked for by name stays, and its cells tell why they
/// cannot be shown.
pub(crate) fn leave_out(
    plan: &mut Plan,
    selection: &Selection,
    launcher: &Launcher,
    tell: &mut dyn FnMut(RunEvent),
) -> Result<Vec<LeftOut>, PlanError> {
    let stated = plan
        .cells
        .iter()
        .flat_map(|cell| [&cell.client, &cell.server])
        .any(|peer| pythons(peer).is_some());
    if selection.matrix.is_none() || !selection.peers.is_empty() || !stated {
        return Ok(Vec::new());
    }
    let teller = std::cell::RefCell::new(&mut *tell);
    let progress = |what: &str| {
        if let Ok(mut tell) = teller.try_borrow_mut() {
            tell(RunEvent::Preparing {
                what: what.to_owned(),
            });
        }
    };
    let python = match launcher.python_version(&progress) {
        Ok(python) => python,
        Err(error) => {
            // Then no peer of the matrix can be had, and each of its cells tells why.
            tracing::warn!(%error, "the version of Python was not found out; no peer is left out");
            return Ok(Vec::new());
        }
    };
    let left_out = plan.leave_out(&|peer| not_for(peer, python));
    if let (true, Some(first)) = (plan.cells.is_empty(), left_out.first()) {
        let reason = first.reason.clone();
        return Err(PlanError::NotHere { reason });
    }
    if !left_out.is_empty() {
        tell(RunEvent::LeftOut(left_out.clone()));
    }
    Ok(left_out)
}

/// The Pythons that a peer exists for, where its file states them.
fn pythons(peer: &PeerSpec) -> Option<&Pythons> {
    match &peer.program {
        Program::Python(program) => program.pythons.as_ref(),
        _ => None,
    }
}

/// Why a peer does not exist for this Python, where it does not.
fn not_for(peer: &PeerSpec, python: (u32, u32, u32)) -> Option<String> {
    let range = pythons(peer).filter(|range| !range.have(python))?;
    let (major, minor, patch) = python;
    Some(format!(
        "{} {} exists for Python {range} only, and this is {major}.{minor}.{patch}",
        peer.family,
        peer.version.as_deref().unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mpws_peers::Catalogue;

    use super::*;
    use crate::cases::catalogue;

    fn matrix() -> Plan {
        let known = Catalogue::builtin().expect("our own peers");
        let mut peers = known.matrix("websockets");
        peers.extend(known.peer("fixture").cloned());
        let peers: Vec<Arc<PeerSpec>> = peers.into_iter().map(Arc::new).collect();
        Plan::of_matrix(catalogue(), &peers)
    }

    #[test]
    fn releases_that_do_not_exist_for_a_python_are_not_planned_and_are_named() {
        for (python, missing) in [
            ((3, 9, 2), vec!["16.1.1", "17.4"]),
            ((3, 10, 1), vec!["17.4"]),
            ((3, 11, 2), vec![]),
            ((3, 14, 0), vec!["10.4"]),
        ] {
            let mut plan = matrix();
            let before = plan.cells.len();
            let left_out = plan.leave_out(&|peer| not_for(peer, python));
            let gone = |name: &str| {
                missing
                    .iter()
                    .any(|version| name.starts_with(&format!("websockets-{version}-")))
            };
            assert_eq!(left_out.is_empty(), missing.is_empty(), "{python:?}");
            assert!(
                left_out.iter().all(|one| gone(&one.peer) && one.cells > 0),
                "{left_out:?}"
            );
            assert!(
                plan.cells
                    .iter()
                    .all(|cell| !gone(&cell.client.name) && !gone(&cell.server.name))
            );
            let most: usize = left_out.iter().map(|one| one.cells).sum();
            let taken = before - plan.cells.len();
            assert!(taken <= most && (taken > 0) == (most > 0), "{python:?}");
        }
    }

    #[test]
    fn the_reason_names_the_range_and_the_python() {
        let mut plan = matrix();
        let left_out = plan.leave_out(&|peer| not_for(peer, (3, 14, 10)));
        let reason = &left_out.first().expect("one at least").reason;
        assert_eq!(
            reason,
            "websockets 10.4 exists for Python >=3.7,<3.12 only, and this is 3.14.10"
        );
    }
}
