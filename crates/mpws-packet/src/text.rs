//! Acts as data: their text.

use crate::act::Act;
use crate::error::UnreadableAct;

impl From<Act> for String {
    fn from(act: Act) -> Self {
        act.to_string()
    }
}

impl TryFrom<String> for Act {
    type Error = UnreadableAct;

    fn try_from(text: String) -> Result<Self, UnreadableAct> {
        text.parse()
    }
}
