//! Middleboxes: machines on a path that remember what they saw, as data.
//!
//! A rule judges one packet at a time; a middlebox keeps state between packets, holds them back, and makes packets
//! that nobody sent. Boxes stand on their path in the order in which they were placed, the first nearest to the
//! host that the path named first. A packet meets the rules of the lab first, then the boxes.

use serde::{Deserialize, Serialize};

/// A machine on a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Middlebox {
    /// Lets everything by, as a bridge does.
    Bridge,
}

impl Middlebox {
    /// The name that stands in the capture beside every packet that it did something to.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bridge => "bridge",
        }
    }
}
