//! How a program ended, in words.

use mpws_lab::Exit;

pub(super) fn how(exit: &Option<Exit>) -> String {
    match exit {
        Some(Exit::Code(code)) => format!("exited with status {code}"),
        Some(Exit::Signal(signal)) => format!("was killed by signal {signal}"),
        None => "closed its control connection".to_owned(),
    }
}
