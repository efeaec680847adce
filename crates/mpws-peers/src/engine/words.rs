//! What the engine's words mean.

use std::error::Error;

use super::error::EngineError;
use crate::protocol::chain::in_one_line;

/// What the engine's words mean.
pub(crate) fn refused(what: &'static str, error: &(dyn Error + 'static)) -> EngineError {
    let full = says_full(&in_one_line(error));
    let detail: String = error
        .to_string()
        .chars()
        .take(LONGEST_DETAIL)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if full {
        return EngineError::OutOfDisk { detail };
    }
    EngineError::Refused { what, detail }
}

/// Whether a text says that a disk is full, or the user's share of it.
pub(crate) fn says_full(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("no space left on device") || text.contains("disk quota exceeded")
}

/// Characters of the engine's words that stand in an error.
const LONGEST_DETAIL: usize = 500;

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_engine_without_room_says_what_helps() {
        let words = "Docker responded with status code 500: mkdir /x: no space left on device";
        let error = refused("start a container", &io::Error::other(words));
        assert!(matches!(error, EngineError::OutOfDisk { .. }), "{error:?}");
        assert!(error.to_string().contains("mpws peers clean"), "{error}");
    }

    #[test]
    fn the_words_of_the_engine_are_bounded_and_plain() {
        let words = format!("\u{1b}[2J{}", "x".repeat(10_000));
        let text = refused("start a container", &io::Error::other(words)).to_string();
        assert!(text.len() < 1000 && !text.contains('\u{1b}'), "{text}");
    }
}
