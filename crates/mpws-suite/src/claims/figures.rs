//! What was measured for claims.

use super::Ratio;

/// What was measured for claims.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// The figures.
    pub ratios: Vec<Ratio>,
    /// Rows without figures: measure, client, server, why.
    pub missing: Vec<(String, String, String, String)>,
    /// Why nothing at all was measured.
    pub none: Option<String>,
}
