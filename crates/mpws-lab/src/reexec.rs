//! Entry points of the current executable, chosen by an environment variable.
//!
//! A program that needs a second process of itself (the lab process, a fixture peer, a deliberately
//! broken peer in a test) registers a function with [`reexec!`](crate::reexec!). It runs in place
//! of `main` when the executable is started with `MPWS_REEXEC` set to its name. So a test binary
//! can be a peer, although its `main` belongs to the test harness, and nothing else has to be built
//! or found.
//!
//! ```no_run
//! mpws_lab::reexec!("silent-peer", || loop {
//!     std::thread::park();
//! });
//!
//! # fn main() -> std::io::Result<()> {
//! let child = mpws_lab::reexec::command("silent-peer")?.spawn()?;
//! # drop(child);
//! # Ok(())
//! # }
//! ```
//!
//! The function runs before `main`, on the main thread, from the executable's initialisers; the
//! variable is gone from the environment then. Where a binary prefers to do it in its `main`, it
//! calls [`register`] for each entry point and then [`enter`].

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, io};

/// The variable that names the entry point.
pub const VARIABLE: &str = "MPWS_REEXEC";

/// The variable that names another executable for [`command`], where the current one lacks the
/// entry points: a Python interpreter that has loaded the lab as a module, for example.
pub const EXECUTABLE: &str = "MPWS_LAB_EXE";

/// The current executable, whatever has become of its file.
pub const SELF: &str = "/proc/self/exe";

/// An entry point: what it returns is the exit code.
pub type Entry = fn() -> i32;

static ENTRIES: Mutex<Vec<(&'static str, Entry)>> = Mutex::new(Vec::new());

/// Registers an entry point: a name, and a `fn() -> i32` whose result becomes the exit code.
///
/// Use it once a name, outside of functions, in a crate that the executable really uses.
#[macro_export]
macro_rules! reexec {
    ($name:expr, $entry:expr) => {
        const _: () = {
            extern "C" fn hook() {
                $crate::reexec::register($name, $entry);
            }
            // Before initialisers without a number, of which the one that runs the chosen entry
            // point is one: an entry point may start others, so all have to be known when it runs.
            #[used]
            #[unsafe(link_section = ".init_array.10000")]
            static HOOK: extern "C" fn() = hook;
        };
    };
}

/// Registers an entry point without running it; [`reexec!`](crate::reexec!) does it before `main`.
pub fn register(name: &'static str, entry: Entry) {
    entries().push((name, entry));
}

/// Runs the registered entry point that this process was started for, if there is one; then it
/// never returns.
///
/// To be called while there is one thread only. A panic of the entry point is exit code 101. It
/// happens by itself before `main`; a binary that registers in its `main` calls it there.
pub fn enter() {
    let Some(wanted) = env::var_os(VARIABLE) else {
        return;
    };
    let found = entries().iter().find(|(name, _)| wanted == *name).copied();
    if let Some((_, entry)) = found {
        crate::sys::prepare_entry(VARIABLE);
        let code = catch_unwind(AssertUnwindSafe(entry)).unwrap_or(101);
        crate::sys::exit_now(code);
    }
}

/// The current executable, or what `MPWS_LAB_EXE` names, to be started at an entry point.
///
/// # Errors
/// `NotFound` when the current executable has no such entry point: it would run its `main` instead.
pub fn command(name: &str) -> io::Result<Command> {
    check(name.as_ref())?;
    let executable = env::var_os(EXECUTABLE);
    let mut command = Command::new(executable.unwrap_or_else(|| SELF.into()));
    // So that a list of processes tells what it is.
    command.arg0(name).env(VARIABLE, name);
    Ok(command)
}

/// Refuses a name that the executable cannot have. What another executable has is not known here.
pub(crate) fn check(name: &OsStr) -> io::Result<()> {
    if env::var_os(EXECUTABLE).is_some() || entries().iter().any(|(known, _)| name == *known) {
        return Ok(());
    }
    let message = format!("this executable has no entry point {name:?}");
    Err(io::Error::new(io::ErrorKind::NotFound, message))
}

fn entries() -> MutexGuard<'static, Vec<(&'static str, Entry)>> {
    ENTRIES.lock().unwrap_or_else(PoisonError::into_inner)
}
