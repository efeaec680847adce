//! How the steps of a case end, and what comes of an operation.

use std::fmt::Display;

use mpws_harness::KernelError;
use mpws_model::Side;
use mpws_peers::CallError;
use mpws_peers::protocol::ErrorRecord;
use mpws_peers::protocol::chain::in_one_line;

/// Why the steps of a case ended early. Reaching the end is not an error, and not yet a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellEnd {
    /// A peer did something that it must not, or did not do what it must.
    Failed(String),
    /// A peer said that it cannot do what the case asks.
    Unsupported(String),
    /// This host cannot show it.
    Unprovable(String),
    /// The suite itself is at fault.
    Broken(String),
}

/// What came of an operation that may fail: both are data.
#[derive(Clone, Debug)]
pub enum Outcome<T> {
    /// It worked.
    Done(T),
    /// It failed, as the peer's user sees it, after so many microseconds.
    Refused(ErrorRecord, u64),
}

impl<T> Outcome<T> {
    /// The reply, where a failure means that the case cannot go on.
    ///
    /// # Errors
    ///
    /// [`CellEnd::Failed`] where the operation failed.
    pub fn done(self, what: &str) -> Result<T, CellEnd> {
        match self {
            Self::Done(reply) => Ok(reply),
            Self::Refused(record, _) => Err(CellEnd::Failed(format!(
                "{what} failed: {}",
                describe(&record)
            ))),
        }
    }
}

impl From<KernelError> for CellEnd {
    fn from(error: KernelError) -> Self {
        Self::Broken(in_one_line(&error))
    }
}

impl CellEnd {
    /// A fault of the suite, with its cause.
    pub fn broken(what: impl Display, error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Broken(format!("{what}: {}", in_one_line(error)))
    }

    pub(super) fn of_call(side: Side, error: CallError) -> Self {
        let side = side.word();
        match error {
            CallError::Unsupported { op, why } => {
                Self::Unsupported(format!("the {side} cannot do {op}: {why}"))
            }
            CallError::Request { .. } => Self::Broken(format!("the {side} was not asked: {error}")),
            other => Self::Failed(format!("the {side}: {other}")),
        }
    }
}

/// An error in one line: classes and errnos, outermost first.
pub fn describe(record: &ErrorRecord) -> String {
    let links: Vec<String> = record
        .chain
        .iter()
        .map(|link| match link.errno {
            Some(errno) => format!("{}[{errno}] {}", link.class, link.message),
            None => format!("{} {}", link.class, link.message),
        })
        .collect();
    if links.is_empty() {
        "an error without a chain".to_owned()
    } else {
        links.join(" <- ")
    }
}

/// The chain without texts: what is compared between versions.
pub fn classes(record: &ErrorRecord) -> Vec<String> {
    record
        .chain
        .iter()
        .map(|link| match link.errno {
            Some(errno) => format!("{}[{errno}]", link.class),
            None => link.class.clone(),
        })
        .collect()
}
