//! Why an operation has no reply: the error, as the protocol reports it, or that it cannot be had.

use std::error::Error;
use std::io;

use crate::chain::chain;
use crate::facts::SocketFacts;
use crate::records::{ErrorLink, ErrorRecord, ErrorRelation};

/// Why an operation has no reply.
#[derive(Debug)]
pub enum Failure {
    /// It was carried out and failed.
    Error(Box<ErrorRecord>),
    /// It cannot be carried out; why.
    Unsupported(String),
}

/// The class that the protocol has for an adapter's own deadline.
pub const DEADLINE: &str = "mpws.Deadline";

/// Most links of an [`ErrorRecord`].
pub const LONGEST_CHAIN: usize = 16;

/// Most characters of a text in an [`ErrorRecord`].
pub const LONGEST_TEXT: usize = 500;

impl Failure {
    /// An error and what it came from; `class` names the type of each.
    pub fn of(
        error: &(dyn Error + 'static),
        class: impl Fn(&(dyn Error + 'static)) -> String,
    ) -> Self {
        let links = chain(error).map(|error| {
            let io = error.downcast_ref::<io::Error>();
            let errno = io.and_then(io::Error::raw_os_error);
            (class(error), error.to_string(), errno)
        });
        Self::from_links(links)
    }

    /// An error of these links, outermost first: class, text, errno.
    pub fn from_links(links: impl IntoIterator<Item = (String, String, Option<i32>)>) -> Self {
        Self::Error(Box::new(ErrorRecord::from_links(links)))
    }

    /// An error without a source.
    pub fn plain(class: &str, message: &str) -> Self {
        Self::from_links([(class.to_owned(), message.to_owned(), None)])
    }

    /// The adapter's own limit ended the operation.
    pub fn deadline(what: &str) -> Self {
        Self::plain(DEADLINE, what)
    }

    /// The library, or this adapter, cannot do it.
    pub fn unsupported(why: impl Into<String>) -> Self {
        Self::Unsupported(why.into())
    }

    /// Whether it is the adapter's own limit.
    pub fn is_deadline(&self) -> bool {
        match self {
            Self::Error(record) => record
                .chain
                .first()
                .is_some_and(|link| link.class == DEADLINE),
            Self::Unsupported(_) => false,
        }
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
        Self::of(&error, |error| {
            class_of_io(error).unwrap_or("dyn Error").to_owned()
        })
    }
}

/// The class of an [`io::Error`]; `None` for any other type.
pub fn class_of_io(error: &(dyn Error + 'static)) -> Option<&'static str> {
    error.is::<io::Error>().then_some("std::io::Error")
}

/// Refuses the first of these that is asked for; `who` begins the reason, such as `this peer has
/// no`.
///
/// # Errors
///
/// [`Failure::Unsupported`], with the name of what is asked for.
pub fn refuse(who: &str, asked: &[(bool, &str)]) -> Result<(), Failure> {
    match asked.iter().find(|(asked, _)| *asked) {
        Some((_, what)) => Err(Failure::unsupported(format!("{who} {what}"))),
        None => Ok(()),
    }
}

impl ErrorRecord {
    /// A record of these links, outermost first: class, text, errno. It keeps to the limits of the
    /// protocol.
    pub fn from_links(links: impl IntoIterator<Item = (String, String, Option<i32>)>) -> Self {
        let link =
            |(at, (class, message, errno)): (usize, (String, String, Option<i32>))| ErrorLink {
                class,
                message: message.chars().take(LONGEST_TEXT).collect(),
                errno,
                link: match at {
                    0 => ErrorRelation::Outermost,
                    _ => ErrorRelation::Cause,
                },
            };
        Self {
            chain: links
                .into_iter()
                .take(LONGEST_CHAIN)
                .enumerate()
                .map(link)
                .collect(),
            socket_after: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_adapters_own_limit_is_a_deadline() {
        assert!(Failure::deadline("connection.receive").is_deadline());
        assert!(!Failure::from(io::Error::from(io::ErrorKind::TimedOut)).is_deadline());
        assert!(!Failure::unsupported("no").is_deadline());
    }

    #[test]
    fn an_error_keeps_its_errno_and_the_limits_of_a_record() {
        let mut error = io::Error::from_raw_os_error(libc::ECONNREFUSED);
        for _ in 0..LONGEST_CHAIN {
            error = io::Error::other(error);
        }
        let Failure::Error(record) = Failure::from(io::Error::from_raw_os_error(104)) else {
            panic!("not an error");
        };
        assert_eq!(record.chain[0].errno, Some(104));
        assert_eq!(record.chain[0].class, "std::io::Error");
        let Failure::Error(record) = Failure::from(error) else {
            panic!("not an error");
        };
        assert_eq!(record.chain.len(), LONGEST_CHAIN);
        let long = Failure::plain("E", &"ä".repeat(LONGEST_TEXT + 1));
        assert!(matches!(long, Failure::Error(record)
            if record.chain[0].message.chars().count() == LONGEST_TEXT));
    }
}
