//! Errors as the protocol reports them.

use std::error::Error;
use std::fmt::Debug;
use std::io;

use mpws_peers::protocol::{ErrorLink, ErrorRecord, ErrorRelation, SocketFacts};

/// Why an operation has no reply.
#[derive(Debug)]
pub enum Failure {
    /// It was carried out and failed.
    Error(Box<ErrorRecord>),
    /// It cannot be carried out.
    Unsupported(String),
}

/// The class that the protocol has for an adapter's own deadline.
const DEADLINE: &str = "mpws.Deadline";

/// Most links of a chain.
const LONGEST_CHAIN: usize = 16;

/// Most characters of a text.
const LONGEST_TEXT: usize = 500;

impl Failure {
    /// An error of a library, whose type has this name: with the variant, and with what it came from.
    pub fn of<E: Error + 'static>(type_name: &str, error: &E) -> Self {
        let class = format!("{type_name}::{}", variant(error));
        let mut chain = vec![link(class, error, ErrorRelation::Outermost)];
        let mut source = error.source();
        while let Some(inner) = source
            && chain.len() < LONGEST_CHAIN
        {
            chain.push(link(class_of(inner), inner, ErrorRelation::Cause));
            source = inner.source();
        }
        Self::Error(Box::new(ErrorRecord {
            chain,
            socket_after: None,
        }))
    }

    /// An error without a source.
    pub fn plain(class: &str, message: &str) -> Self {
        Self::Error(Box::new(ErrorRecord {
            chain: vec![ErrorLink {
                class: class.to_owned(),
                message: message.chars().take(LONGEST_TEXT).collect(),
                errno: None,
                link: ErrorRelation::Outermost,
            }],
            socket_after: None,
        }))
    }

    /// The adapter's own limit ended the operation.
    pub fn deadline(what: &str) -> Self {
        Self::plain(DEADLINE, &format!("{what} was not over in time"))
    }

    /// The library, or this adapter, cannot do it.
    pub fn unsupported(why: impl Into<String>) -> Self {
        Self::Unsupported(why.into())
    }

    /// Whether it is the adapter's own limit.
    pub fn is_deadline(&self) -> bool {
        matches!(self, Self::Error(record) if record.chain[0].class == DEADLINE)
    }

    /// The same with what became of the socket that was handed over.
    #[must_use]
    pub fn socket_after(mut self, facts: SocketFacts) -> Self {
        if let Self::Error(record) = &mut self {
            record.socket_after = Some(facts);
        }
        self
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Error(Box::new(ErrorRecord {
            chain: vec![link(class_of(&error), &error, ErrorRelation::Outermost)],
            socket_after: None,
        }))
    }
}

/// Refuses what is asked for and is not there.
///
/// # Errors
///
/// Unsupported, with the name of the first that is asked for.
pub fn refuse(asked: &[(bool, &str)]) -> Result<(), Failure> {
    match asked.iter().find(|(asked, _)| *asked) {
        Some((_, what)) => Err(Failure::unsupported(format!("this peer has no {what}"))),
        None => Ok(()),
    }
}

fn link(class: String, error: &(dyn Error + 'static), link: ErrorRelation) -> ErrorLink {
    let errno = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::raw_os_error);
    ErrorLink {
        class,
        message: error.to_string().chars().take(LONGEST_TEXT).collect(),
        errno,
        link,
    }
}

/// Types behind `dyn Error` have no name; `Debug` begins with that of the variant.
fn class_of(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<io::Error>() {
        Some(_) => "std::io::Error".to_owned(),
        None => variant(error),
    }
}

fn variant(error: impl Debug) -> String {
    let text = format!("{error:?}");
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    text[..end.unwrap_or(text.len())].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_io_error_in_a_library_error_keeps_its_errno() {
        let error = tungstenite::Error::Io(io::Error::from_raw_os_error(104));
        let Failure::Error(record) = Failure::of("tungstenite::Error", &error) else {
            panic!("not an error");
        };
        let classes: Vec<_> = record.chain.iter().map(|link| &link.class[..]).collect();
        assert_eq!(classes, ["tungstenite::Error::Io", "std::io::Error"]);
        assert_eq!(record.chain[1].errno, Some(104));
    }

    #[test]
    fn only_the_adapters_own_limit_is_a_deadline() {
        assert!(Failure::deadline("connection.receive").is_deadline());
        assert!(!Failure::from(io::Error::from(io::ErrorKind::TimedOut)).is_deadline());
    }
}
