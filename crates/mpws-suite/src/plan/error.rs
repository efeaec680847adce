//! Why there is no plan.

use super::pattern::PatternError;
use crate::case::Profile;

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A selector selects nothing.
    #[error("the selector `{selector}` matches no cell{}", hint(.nearest))]
    NoSuchCell {
        /// The selector.
        selector: String,
        /// Cases with a similar name.
        nearest: Vec<String>,
    },
    /// A selector selects cells of a larger profile only.
    #[error("the selector `{selector}` matches only cells of the profile {}", .profile.word())]
    InLargerProfile {
        /// The selector.
        selector: String,
        /// The smallest profile that holds one of them.
        profile: Profile,
    },
    /// A family has no matrix.
    #[error("there is no matrix of `{family}`; there are: {known}")]
    NoSuchMatrix {
        /// The family.
        family: String,
        /// The families that have one.
        known: String,
    },
    /// A peer takes part in the matrix of its family only.
    #[error("the peer `{name}` is in the matrix of {family} only")]
    OnlyInMatrix {
        /// The name.
        name: String,
        /// The family.
        family: String,
    },
    /// A selector or the name of a peer is no pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A peer name or glob matches nothing.
    #[error("no peer is named `{name}`; there are: {known}")]
    NoSuchPeer {
        /// The name.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// Nothing was planned at all.
    #[error("nothing to run: the chosen peers fit no case")]
    Empty,
    /// All that was asked for does not exist here.
    #[error("nothing to run: {reason}")]
    NotHere {
        /// What of the first peer does not exist here.
        reason: String,
    },
    /// No cell has such a path.
    #[error("`{condition}` is for path {path}, and no chosen cell has more than {most}")]
    NoSuchPath {
        /// The condition.
        condition: String,
        /// The path.
        path: u8,
        /// Most paths of a chosen cell.
        most: u8,
    },
    /// Cells cannot have the condition.
    #[error("`{condition}` leads to a third host, and cells have two; `balance` alone needs none")]
    NoThirdHost {
        /// The condition.
        condition: String,
    },
    /// A `peer.toml` cannot be used.
    #[error("a peer file cannot be used")]
    Peers(#[from] mpws_peers::CatalogueError),
    /// A file of expectations cannot be used.
    #[error("expectations cannot be used")]
    Expectations(#[from] crate::expectation::ExpectationError),
}

fn hint(nearest: &[String]) -> String {
    if nearest.is_empty() {
        "; `mpws list` shows all".to_owned()
    } else {
        format!(
            "; did you mean {}? (`mpws list` shows all)",
            nearest.join(", ")
        )
    }
}
