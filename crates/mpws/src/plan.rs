//! From the command line to a plan, and from what the suite refuses to a [`Failure`].

use mpws_lab::preset::OnPath;
use mpws_suite::plan::{PlanError, Planned, Selection, Selectors};

use crate::args;
use crate::exit::Exit;
use crate::failure::Failure;

/// Reads what the command line says of cells.
pub(crate) fn selection(args: &args::Selection, paths: Vec<OnPath>) -> Result<Selection, Failure> {
    let refused = |error| refused(&PlanError::Pattern(error));
    let peers = args.peers.iter().map(|name| name.parse());
    Ok(Selection {
        selectors: Selectors::parse(&args.selectors, &mpws_claims::groups()).map_err(refused)?,
        profile: args.profile,
        peers: peers.collect::<Result<_, _>>().map_err(refused)?,
        matrix: args.matrix.clone(),
        peer_files: args.peer_files.clone(),
        paths,
        ..Selection::default()
    })
}

/// The plan of a selection.
pub(crate) fn of(selection: Selection) -> Result<Planned, Failure> {
    Planned::of(selection).map_err(|error| refused(&error))
}

/// The plan of what the command line says of cells, without conditions of paths.
pub(crate) fn of_args(args: &args::Selection) -> Result<Planned, Failure> {
    of(selection(args, Vec::new())?)
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
