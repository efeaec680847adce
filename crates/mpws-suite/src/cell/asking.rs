//! Single operations of the peers.

use mpws_model::Side;
use mpws_peers::CallError;
use mpws_peers::protocol::{Operation, SocketCreate, SocketId, SocketKind, SocketProtocol};

use super::end::{CellEnd, Outcome, describe};
use super::running::Cell;

/// Asking peers.
impl Cell {
    /// Asks for an operation that must work.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where the peer does not do it as it must, [`CellEnd::Unsupported`] where
    /// it says that it cannot, [`CellEnd::Broken`] where it could not be asked.
    pub fn ask<O: Operation>(&mut self, side: Side, operation: &O) -> Result<O::Reply, CellEnd> {
        match self.attempt(side, operation)? {
            Outcome::Done(reply) => Ok(reply),
            Outcome::Refused(record, _) => Err(CellEnd::Failed(format!(
                "{} of the {} failed: {}",
                O::NAME,
                side.word(),
                describe(&record)
            ))),
        }
    }

    /// Asks for an operation that may fail.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where the peer does not answer in time or is gone,
    /// [`CellEnd::Unsupported`] where it says that it cannot, [`CellEnd::Broken`] where it could
    /// not be asked. A failure of the operation itself is an [`Outcome`].
    pub fn attempt<O: Operation>(
        &mut self,
        side: Side,
        operation: &O,
    ) -> Result<Outcome<O::Reply>, CellEnd> {
        let result = self.peer(side).call(operation);
        settle(side, result)
    }

    /// Asks the client and, while that is on its way, does something else.
    ///
    /// # Errors
    ///
    /// Those of [`Cell::attempt`], and those of `other`.
    pub fn meanwhile<O: Operation, T>(
        &mut self,
        side: Side,
        operation: &O,
        other: impl FnOnce(&mut Self) -> Result<T, CellEnd>,
    ) -> Result<(Outcome<O::Reply>, T), CellEnd> {
        let pending = self.peer(side).start(operation);
        let done = other(self);
        let outcome = settle(side, pending.wait())?;
        Ok((outcome, done?))
    }

    /// Makes a socket on a side; the errno of a refusal is remembered for the judge.
    ///
    /// # Errors
    ///
    /// Those of [`Cell::attempt`].
    pub fn socket(
        &mut self,
        side: Side,
        protocol: SocketProtocol,
    ) -> Result<Outcome<SocketId>, CellEnd> {
        let create = SocketCreate {
            family: self.family(),
            kind: SocketKind::Stream,
            protocol,
            by_constant: false,
        };
        Ok(match self.attempt(side, &create)? {
            Outcome::Done(created) => Outcome::Done(created.socket),
            Outcome::Refused(record, elapsed) => {
                if let Some(errno) = record.chain.iter().find_map(|link| link.errno) {
                    self.refusals.push((side, errno));
                }
                Outcome::Refused(record, elapsed)
            }
        })
    }
}

fn settle<T>(side: Side, result: Result<T, CallError>) -> Result<Outcome<T>, CellEnd> {
    match result {
        Ok(value) => Ok(Outcome::Done(value)),
        Err(CallError::Failed {
            record, elapsed_us, ..
        }) => Ok(Outcome::Refused(*record, elapsed_us)),
        Err(other) => Err(CellEnd::of_call(side, other)),
    }
}
