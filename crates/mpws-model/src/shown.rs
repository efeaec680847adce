//! How values stand in checks and reasons.

use serde::Serialize;
use serde_json::Value;

/// A value as a check shows it: text as it is, `nothing` for what is not there, all else as JSON on
/// one line.
pub fn shown<T: Serialize + ?Sized>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::Null) => "nothing".to_owned(),
        Ok(Value::String(text)) => text,
        Ok(other) => other.to_string(),
        // Maps whose keys are no text, which JSON does not have.
        Err(error) => format!("a value that cannot be shown: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cause;

    #[test]
    fn values_are_shown_as_values_and_not_as_code() {
        assert_eq!(shown(&Some(1000)), "1000");
        assert_eq!(shown(&None::<u16>), "nothing");
        assert_eq!(shown("the echo"), "the echo");
        assert_eq!(shown(&Cause::SynDropped), "syn-dropped");
        assert_eq!(shown(&[Some(1), None]), "[1,null]");
        assert_eq!(shown(&(true, "a")), r#"[true,"a"]"#);
    }
}
