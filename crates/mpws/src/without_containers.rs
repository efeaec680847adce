//! `mpws peers` of a program that was built without the cargo feature `containers`.

use mpws_peers::launch::EngineError;

use crate::args::Peers;
use crate::exit::Exit;
use crate::failure::Failure;

/// Says what is missing.
pub(crate) fn run(_: &Peers) -> Result<Exit, Failure> {
    let error = EngineError::NotBuilt;
    let refused = Failure::of(Exit::Host, "there are no containers here", &error);
    Err(refused.next(error.remedy()))
}
