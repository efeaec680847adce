//! An error and what it came from. All crates that show errors walk them in this way.

use std::error::Error;
use std::io;

/// The error, then its source, then the source of that, and so on.
///
/// An [`io::Error`] that wraps another error shows that one's text as its own, and its `source()`
/// leaves the wrapped error out; here the wrapped one follows.
pub fn chain<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        wrapped(error).or_else(|| error.source())
    })
}

/// The texts of an error and its sources in one line: `cannot connect: connection refused`.
pub fn in_one_line(error: &(dyn Error + 'static)) -> String {
    // A wrapped error follows with the same text.
    let texts = chain(error).filter(|error| wrapped(*error).is_none());
    texts
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

fn wrapped<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    let inner = error.downcast_ref::<io::Error>()?.get_ref()?;
    Some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot connect")]
    struct Outer(#[source] io::Error);

    #[test]
    fn every_source_follows_its_error() {
        let error = Outer(io::Error::other(Outer(io::Error::other("no route"))));
        assert_eq!(chain(&error).count(), 5);
        assert_eq!(
            in_one_line(&error),
            "cannot connect: cannot connect: no route"
        );
    }
}
