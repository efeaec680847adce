//! One judgement, put together.

use mpws_model::result::Check;

pub(super) fn check(name: &str, expected: &str, observed: &str, held: bool) -> Check {
    Check {
        name: name.to_owned(),
        expected: expected.to_owned(),
        observed: observed.to_owned(),
        held,
    }
}
