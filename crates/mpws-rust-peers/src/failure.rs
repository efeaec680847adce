//! Errors of libraries, as the protocol reports them.

use std::error::Error;
use std::fmt::Debug;
use std::io;

use mpws_protocol::chain::chain;
use mpws_protocol::{Failure, failure};

/// An error of a library, whose type has this name: with the variant, and with what it came from.
pub fn of(type_name: &str, error: &(impl Error + 'static)) -> Failure {
    let links = chain(error).enumerate().map(|(at, link)| {
        let class = match at {
            0 => format!("{type_name}::{}", variant(error)),
            _ => class_of(link),
        };
        let io = link.downcast_ref::<io::Error>();
        (
            class,
            link.to_string(),
            io.and_then(io::Error::raw_os_error),
        )
    });
    Failure::from_links(links)
}

/// The adapter's own limit ended the operation.
pub fn late(what: &str) -> Failure {
    Failure::deadline(&format!("{what} was not over in time"))
}

/// Refuses what is asked for and is not there.
///
/// # Errors
///
/// [`Failure::Unsupported`], with the name of the first that is asked for.
pub fn refuse(asked: &[(bool, &str)]) -> Result<(), Failure> {
    failure::refuse("this peer has no", asked)
}

/// Types behind `dyn Error` have no name; `Debug` begins with that of the variant.
fn class_of(error: &(dyn Error + 'static)) -> String {
    failure::class_of_io(error).map_or_else(|| variant(error), str::to_owned)
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
        let Failure::Error(record) = of("tungstenite::Error", &error) else {
            panic!("not an error");
        };
        let classes: Vec<_> = record.chain.iter().map(|link| &link.class[..]).collect();
        assert_eq!(classes, ["tungstenite::Error::Io", "std::io::Error"]);
        assert_eq!(record.chain[1].errno, Some(104));
    }
}
