//! The command line of a Python peer.

use std::os::fd::OwnedFd;

use mpws_lab::Spawn;

use crate::catalogue::PythonProgram;
use crate::environment::Prepared;

pub(super) fn python_command(
    prepared: &Prepared,
    program: &PythonProgram,
    output: OwnedFd,
    error: OwnedFd,
) -> Spawn {
    // Isolated and without site: no user site, no PYTHON* variables, and half the start-up time.
    Spawn::new(&prepared.interpreter, output, error)
        .args(["-I", "-S"])
        .arg(&prepared.adapter)
        .arg("--site")
        .arg(&prepared.site)
        .args(["--implementation", &program.implementation])
}
