//! How the tests start the command.

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

/// The command with these arguments, without what the caller's environment would change about it.
pub fn mpws(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mpws"));
    command
        .args(args)
        .stdin(Stdio::null())
        .env("COLUMNS", "100")
        .env("NO_COLOR", "1");
    for variable in ["MPWS_LOG", "NO_GRAPHICS", "FORCE_COLOR", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command
}

/// Runs it to its end.
pub fn run(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
    mpws(args).output().expect("the command starts")
}

/// Standard output as text.
pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// Standard error as text.
pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// Whether no cell can run here; prints so, and fails where everything is expected to be there.
pub fn skips_without_labs() -> bool {
    let missing = run(["doctor"]).status.code() == Some(3);
    if missing {
        println!("skipped: this host cannot have labs, `mpws doctor` tells why");
        let expected = std::env::var_os("MPWS_EXPECT_ALL").is_some_and(|value| value == "1");
        assert!(!expected, "labs are missing although MPWS_EXPECT_ALL=1");
    }
    missing
}
