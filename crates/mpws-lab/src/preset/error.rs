//! What can be wrong with a condition that a user types.

/// Why a text is no [`PathSpec`](super::PathSpec) or [`OnPath`](super::OnPath).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The number of the path is missing or none.
    #[error(
        "`{given}` does not begin with the number of a path, 1 to 8, and a colon, as in `1:strip`"
    )]
    NoPath {
        /// What was given, its first 40 characters.
        given: String,
    },
    /// There is nothing between two commas, or nothing at all.
    #[error("a condition is missing; `mpws presets` shows what there is")]
    Empty,
    /// There is no such key.
    #[error("unknown key `{key}`{}", did_you_mean(.nearest))]
    UnknownKey {
        /// The key, as it was given.
        key: String,
        /// The key or preset whose name is the nearest.
        nearest: Option<&'static str>,
    },
    /// The key needs a value.
    #[error("`{key}` needs a value: {wants}")]
    NoValue {
        /// The key, as it was given.
        key: String,
        /// What would be one.
        wants: &'static str,
    },
    /// The key has no value.
    #[error("`{key}` takes no value")]
    UnwantedValue {
        /// The key, as it was given.
        key: String,
    },
    /// The value is none for this key.
    #[error("`{key}={value}`: {why}; {wants}")]
    BadValue {
        /// The key, as it was given.
        key: String,
        /// The value, as it was given.
        value: String,
        /// What is wrong with it.
        why: &'static str,
        /// What would be one.
        wants: &'static str,
    },
    /// A link has each quality once.
    #[error("`{key}` is given twice")]
    Twice {
        /// The key, as it was given.
        key: &'static str,
    },
    /// No link can be like that.
    #[error("{reason}")]
    Link {
        /// Why not, in words.
        reason: &'static str,
    },
    /// A key makes sense beside another only.
    #[error("`{key}` says something only beside `{beside}`")]
    Alone {
        /// The key, as it was given.
        key: &'static str,
        /// The key without which it says nothing.
        beside: &'static str,
    },
}

fn did_you_mean(nearest: &Option<&'static str>) -> String {
    match nearest {
        Some(name) => format!("; did you mean `{name}`?"),
        None => "; `mpws presets` shows what there is".to_owned(),
    }
}
