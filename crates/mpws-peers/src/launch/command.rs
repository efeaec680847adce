//! The command lines and environments of peers.

use std::os::fd::OwnedFd;
use std::path::Path;

use mpws_lab::Spawn;

use super::{CONTROL, LaunchOptions};
use crate::catalogue::PythonProgram;
use crate::environment::Prepared;
use crate::image::BuiltImage;

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

/// As [`python_command`], with the paths inside.
pub(super) fn container_command(image: &BuiltImage, program: &PythonProgram) -> Vec<String> {
    let path = |path: &Path| path.display().to_string();
    vec![
        path(&image.interpreter),
        "-I".to_owned(),
        "-S".to_owned(),
        path(&image.adapter),
        "--site".to_owned(),
        path(&image.site),
        "--implementation".to_owned(),
        program.implementation.clone(),
    ]
}

pub(super) fn container_env(
    options: &LaunchOptions,
    scratch: &Path,
    socket: &Path,
) -> Vec<(String, String)> {
    let path = |path: &Path| path.display().to_string();
    let own = [
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("HOME", path(scratch)),
        ("TMPDIR", path(scratch)),
        ("LC_ALL", "C.UTF-8".to_owned()),
        (CONTROL, path(socket)),
    ];
    let own = own.map(|(name, value)| (name.to_owned(), value));
    own.into_iter().chain(options.env.iter().cloned()).collect()
}
