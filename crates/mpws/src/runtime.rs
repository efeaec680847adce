//! The tokio runtime of the commands that talk themselves.

use std::future::Future;

use crate::exit::Exit;
use crate::failure::Failure;

/// Runs a command to its end. A read of standard input that is still waiting does not hold it up.
pub(crate) fn block_on(
    command: impl Future<Output = Result<Exit, Failure>>,
) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::of(Exit::Internal, "cannot start the runtime", &error))?;
    let outcome = runtime.block_on(command);
    runtime.shutdown_background();
    outcome
}
