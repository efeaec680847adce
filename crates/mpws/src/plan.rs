//! From the command line to a plan, and from what the suite refuses to a [`Failure`].

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mpws_suite::case::Profile;
use mpws_suite::cases::catalogue;
use mpws_suite::run::{Keep, LauncherKind, Plan, PlanError, RunOptions, plan};

use crate::args::{self, Selection};
use crate::exit::Exit;
use crate::failure::Failure;

/// Options that choose the cells and nothing else.
pub(crate) fn options(selection: &Selection) -> RunOptions {
    RunOptions {
        cases: catalogue(),
        selectors: selection.selectors.clone(),
        profile: match selection.profile {
            args::Profile::Default => Profile::Default,
            args::Profile::Full => Profile::Full,
        },
        peers: selection.peers.clone(),
        matrix: selection.matrix.clone(),
        peer_files: selection.peer_files.clone(),
        paths: Vec::new(),
        jobs: None,
        out: PathBuf::new(),
        resume: false,
        keep: Keep::default(),
        launcher: LauncherKind::Process,
        state: None,
        stop: Arc::new(AtomicBool::new(false)),
        sabotage: None,
    }
}

/// The plan of these options.
pub(crate) fn of(options: &RunOptions) -> Result<Plan, Failure> {
    plan(options).map_err(|error| refused(&error))
}

/// What a refused plan means to a user: it is always about what was asked for.
pub(crate) fn refused(error: &PlanError) -> Failure {
    let failure = Failure::of(Exit::Usage, "cannot make a plan of these cells", error);
    match error {
        PlanError::InLargerProfile { profile, .. } => {
            failure.next(format!("add --profile {}", profile.word()))
        }
        PlanError::OnlyInMatrix { family, .. } => failure.next(format!("add --matrix {family}")),
        PlanError::NoSuchPath { .. } => {
            failure.next("`mpws explain CASE` tells how many paths a case has")
        }
        PlanError::NoThirdHost { .. } => failure.next("`mpws presets` shows what there is"),
        _ => failure.next("`mpws list --cells` and `mpws list --peers` show what there is"),
    }
}
