//! What can keep an image from being made, and what helps.

use super::base::Base;
use crate::engine::{EngineError, says_full};
use crate::environment::EnvironmentError;

/// Why there is no image. [`ImageError::remedy`] says what helps.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The engine is not there, refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Not a peer that images are made for.
    #[error("{peer} has no image: it is part of the command")]
    NoImageFor {
        /// The peer.
        peer: String,
    },
    /// Making a base needs root.
    #[error("making the base {base} of Debian packages needs root")]
    NotRoot {
        /// The base.
        base: Base,
    },
    /// A program that makes bases is missing.
    #[error("cannot run `{program}`, with which the base {base} is made")]
    NoTool {
        /// The base.
        base: Base,
        /// The program.
        program: &'static str,
    },
    /// The recipe of a base failed.
    #[error("the base {base} cannot be made: {detail}")]
    Recipe {
        /// The base.
        base: Base,
        /// The recipe's last words.
        detail: String,
    },
    /// The recipe of a base did not end.
    #[error("making the base {base} took more than {seconds} s")]
    SlowRecipe {
        /// The base.
        base: Base,
        /// The limit in seconds.
        seconds: u64,
    },
    /// The image to stand on is not there.
    #[error("the engine has no image `{reference}`")]
    NoBase {
        /// Its name.
        reference: String,
    },
    /// The base has no Python that can be used.
    #[error("the base {base} has no usable Python: {detail}")]
    NoPython {
        /// The base.
        base: Base,
        /// What it said.
        detail: String,
    },
    /// The library's version does not exist for the base's Python.
    #[error("{library} does not exist for {python} of {base}: {detail}")]
    NotForPython {
        /// The library and its version.
        library: String,
        /// The base.
        base: Base,
        /// The base's Python and C library.
        python: String,
        /// The installer's words.
        detail: String,
    },
    /// The wheels, or the folder of state, cannot be had.
    #[error("the pinned packages cannot be had")]
    Wheels(#[from] EnvironmentError),
    /// The build failed.
    #[error("building the image of {peer} on {base} failed: {detail}")]
    Build {
        /// The peer.
        peer: String,
        /// The base.
        base: String,
        /// The engine's last words.
        detail: String,
    },
    /// The image was built, and somebody removed it at once.
    #[error("{reference} was built, and is not there or not what was built")]
    Vanished {
        /// Its name.
        reference: String,
    },
    /// A file or the runtime of ours cannot be used.
    #[error("cannot read or write a file of the build")]
    Context(#[source] std::io::Error),
}

impl ImageError {
    /// What the user can do next.
    pub fn remedy(&self) -> String {
        match self {
            Self::Engine(error) => error.remedy(),
            Self::Vanished { .. } => "see the engine's log (journalctl -u docker), then run it again",
            Self::NoImageFor { .. } => "`mpws peers build --help` tells which peers have images",
            Self::NotRoot { .. } => "run as root, or name an image that the engine has, with --base image:python:3.13-slim",
            Self::NoTool { .. } => "install it (Debian: apt-get install mmdebstrap util-linux), or name an image that the engine has, with --base image:python:3.13-slim",
            Self::Recipe { .. } => "see the last words: the mirror is that of apt on this machine, or the one in MIRROR; a suite that is newer than this \
                machine's keys needs a newer debian-archive-keyring",
            Self::SlowRecipe { .. } => "check the network, then run it again",
            Self::NoBase { reference } => {
                return format!("fetch it with `docker pull {reference}`; mpws pulls nothing by itself");
            }
            Self::NoPython { .. } => "choose a base with CPython 3.9 or newer as `python3`",
            Self::NotForPython { .. } => "choose another version or another base",
            Self::Wheels(error) => error.remedy(),
            Self::Build { .. } => "see the last words",
            Self::Context(_) => "check the folder of state ($MPWS_STATE) and its file system",
        }
        .to_owned()
    }

    /// A build that failed with these words of the engine, after this log.
    pub(super) fn of_build(words: String, log: &str) -> Self {
        if says_full(&words) {
            return EngineError::OutOfDisk { detail: words }.into();
        }
        Self::Build {
            peer: String::new(),
            base: String::new(),
            // The cause first: reports cut long reasons.
            detail: format!("{}\n{words}", last(&last_step(log)))
                .trim_start()
                .to_owned(),
        }
    }

    pub(super) fn while_building(self, peer: String, base: &Base) -> Self {
        match self {
            Self::Build { detail, .. } => Self::Build {
                peer,
                base: base.to_string(),
                detail,
            },
            other => other,
        }
    }
}

/// What the last step of a build wrote, without what the engine writes around it.
fn last_step(log: &str) -> String {
    let log = log.replace("\u{1b}[91m", "").replace("\u{1b}[0m", "");
    let (_, step) = log.rsplit_once("Step ").unwrap_or(("", &log));
    let (_, said) = step.split_once('\n').unwrap_or_default();
    let own = |line: &&str| !line.starts_with(" ---> ") && !line.starts_with("Removing ");
    said.lines().filter(own).collect::<Vec<_>>().join("\n")
}

/// The end of a log, for a message.
pub(super) fn last(log: &str) -> &str {
    const LONGEST: usize = 1500;
    let log = log.trim();
    let start = log.len().saturating_sub(LONGEST);
    let start = (start..=log.len()).find(|at| log.is_char_boundary(*at));
    &log[start.unwrap_or(log.len())..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_failures() {
        let full = "OSError: [Errno 28] No space left on device";
        let full = ImageError::of_build(full.to_owned(), "");
        let is_full = matches!(full, ImageError::Engine(EngineError::OutOfDisk { .. }));
        assert!(is_full, "{full:?}");
        let odd = ImageError::of_build("something odd".to_owned(), "");
        assert!(matches!(odd, ImageError::Build { .. }), "{odd:?}");
    }

    #[test]
    fn a_build_that_fails_ends_with_the_words_of_the_engine() {
        let log = "Step 1/2 : COPY\n ---> 1\nStep 2/2 : RUN\n ---> Running in 2\n\u{1b}[91minstall.py: no wheel\n\u{1b}[0m\
                   Removing intermediate container 2\n";
        let failed = ImageError::of_build("a step returned 1".to_owned(), log);
        assert!(
            matches!(&failed, ImageError::Build { detail, .. } if detail == "install.py: no wheel\na step returned 1"),
            "{failed:?}"
        );
        let told = failed
            .while_building("x".to_owned(), &Base::Sid)
            .to_string();
        assert!(
            told.contains("x on sid") && told.contains("no wheel"),
            "{told}"
        );
    }

    #[test]
    fn the_end_of_a_log_is_cut_between_characters() {
        assert_eq!(last("  short \n"), "short");
        let long = "\u{e9}".repeat(1000);
        assert!(last(&long).len() <= 1500 && last(&long).starts_with('\u{e9}'));
    }
}
