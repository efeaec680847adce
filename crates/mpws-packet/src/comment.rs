//! Acts as packet comments of a pcapng file.

use crate::act::Act;
use crate::error::UnreadableAct;

/// What every comment of the wire begins with: who says it, and in which version of these words.
///
/// Other programs write comments too, and people do. Theirs begin otherwise, and are not read.
pub const MARK: &str = "mpws 1: ";

impl Act {
    /// The comments that say it, marked; none for a packet that passed.
    pub fn comments(&self) -> impl Iterator<Item = String> {
        self.parts().map(|part| format!("{MARK}{part}"))
    }

    /// What the comments of a record say. Comments without the mark are somebody else's.
    ///
    /// # Errors
    /// A comment has the mark, but it is of another version, says something that is unknown, or
    /// contradicts another one.
    pub fn of_comments<C: AsRef<str>>(
        comments: impl IntoIterator<Item = C>,
    ) -> Result<Self, UnreadableAct> {
        let mut act = Self::default();
        for comment in comments {
            let comment = comment.as_ref();
            if let Some(part) = comment.strip_prefix(MARK) {
                act = act.add(part)?;
            } else if is_of_another_version(comment) {
                return Err(UnreadableAct::Version(comment.to_owned()));
            }
        }
        Ok(act)
    }

    /// Whether the text of a comment without mark could be one of the wire, as wires wrote them
    /// before there was a mark.
    pub fn is_unmarked(comment: &str) -> bool {
        Self::default().add(comment).is_ok()
    }
}

/// The mark with another number.
fn is_of_another_version(comment: &str) -> bool {
    let version = comment
        .strip_prefix("mpws ")
        .and_then(|rest| rest.split_once(": "));
    version.is_some_and(|(version, _)| {
        !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_of_others_say_nothing_of_a_packet() {
        for comment in [
            "",
            "reset by peer",
            "drop by cut",
            "mpws: drop by cut",
            "mpws drop by cut",
            "mpws found this: odd",
            "mpws : drop by cut",
            "mpws 1b: drop by cut",
            " mpws 1: drop by cut",
        ] {
            assert_eq!(
                Act::of_comments([comment]),
                Ok(Act::default()),
                "{comment:?}"
            );
        }
        let act = Act::of_comments(["look here", "mpws 1: drop by cut"]).expect("one of ours");
        assert_eq!(act.to_string(), "drop by cut");
    }

    #[test]
    fn a_comment_of_the_wire_that_cannot_be_read_is_an_error() {
        let read = |comment| Act::of_comments([comment]);
        assert!(matches!(read("mpws 1: "), Err(UnreadableAct::Unknown(_))));
        assert!(matches!(
            read("mpws 1: eaten by cut"),
            Err(UnreadableAct::Unknown(_))
        ));
        assert!(matches!(
            read("mpws 2: drop by cut"),
            Err(UnreadableAct::Version(_))
        ));
        assert!(matches!(
            read("mpws 10: drop by cut"),
            Err(UnreadableAct::Version(_))
        ));
    }

    #[test]
    fn what_wires_wrote_before_there_was_a_mark_is_known() {
        assert!(Act::is_unmarked("drop by cut") && Act::is_unmarked("due +0.010000000 s"));
        assert!(!Act::is_unmarked("look here"));
    }
}
