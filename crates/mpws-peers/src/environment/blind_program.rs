//! What a blind peer needs: installed programs, its own files, compiled, and the version of what is
//! under test.
//!
//! `STATE/blind/KEY/` holds the files of one peer and what its `build` made of them. The version
//! goes into the key, so a program is built again for another library.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::error::EnvironmentError;
use super::state::{BlindMade, StateFolder};
use super::{made, tool};
use crate::catalogue::{BlindProgram, Needed, filled};

const VERSION_DEADLINE: Duration = Duration::from_secs(30);
const BUILD_DEADLINE: Duration = Duration::from_secs(300);

/// Longest version, in characters: reports carry it.
const LONGEST_VERSION: usize = 100;

impl StateFolder {
    /// Makes what a blind peer needs, or finds what was made before.
    pub(crate) fn blind(
        &self,
        program: &BlindProgram,
        progress: &dyn Fn(&str),
    ) -> Result<BlindMade, EnvironmentError> {
        let mut known = self
            .blind
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let name = format!("{program:?}");
        if let Some(made) = known.get(&name) {
            return Ok(made.clone());
        }
        let made = made_for(self, program, progress)?;
        known.insert(name, made.clone());
        Ok(made)
    }
}

fn made_for(
    state: &StateFolder,
    program: &BlindProgram,
    progress: &dyn Fn(&str),
) -> Result<BlindMade, EnvironmentError> {
    for need in &program.needs {
        let (what, there) = match &need.what {
            Needed::Program(name) => (name.clone(), in_path(name)),
            Needed::File(path) => (path.display().to_string(), path.exists()),
        };
        if !there {
            return Err(EnvironmentError::NotInstalled {
                what,
                package: need.package.clone(),
            });
        }
    }
    let written = |key: &str, build: &[Vec<String>]| {
        let parent = state.path().join("blind");
        made::once(&parent, key, progress, &mut |folder| {
            for (name, text) in program.files.iter() {
                let path = folder.join(name);
                if let Some(parent) = path.parent() {
                    std::fs::create_dir_all(parent).map_err(EnvironmentError::at(parent))?;
                }
                std::fs::write(&path, text).map_err(EnvironmentError::at(&path))?;
            }
            for argv in build {
                progress(&format!("building: {}", argv.join(" ")));
                output(program, argv, folder, BUILD_DEADLINE)?;
            }
            Ok(())
        })
    };
    let files = program.files.iter();
    let files = files.flat_map(|(name, text)| [name.as_str(), text.as_str()]);
    let plain = made::key(files.clone().chain(["as written"]));
    let plain = written(&plain, &[])?;
    let version = output(program, &program.version, &plain, VERSION_DEADLINE)?;
    let version: String = version.trim().chars().take(LONGEST_VERSION).collect();
    if version.is_empty() || version.chars().any(char::is_control) {
        return Err(EnvironmentError::Tool {
            command: program.version.join(" "),
            detail: format!("it is to print a version in one line, not {version:?}"),
        });
    }
    if program.build.is_empty() {
        return Ok(BlindMade {
            dir: plain,
            version,
        });
    }
    let commands = format!("{:?}{:?}", program.build, program.env);
    let key = made::key(files.chain([commands.as_str(), version.as_str()]));
    let dir = written(&key, &program.build)?;
    Ok(BlindMade { dir, version })
}

/// Runs a command of the peer to its end in a folder, which is `{dir}`.
fn output(
    program: &BlindProgram,
    argv: &[String],
    dir: &Path,
    deadline: Duration,
) -> Result<String, EnvironmentError> {
    let place = dir.display().to_string();
    let values = [("dir", place.as_str())];
    let argv: Vec<String> = argv.iter().map(|part| filled(part, &values)).collect();
    let fault = |detail: String| EnvironmentError::Tool {
        command: argv.join(" "),
        detail,
    };
    let Some((first, args)) = argv.split_first() else {
        return Err(fault("no program".to_owned()));
    };
    let mut command = Command::new(first);
    command.args(args).current_dir(dir);
    for (name, value) in &program.env {
        command.env(name, filled(value, &values));
    }
    match tool::run(&mut command, deadline) {
        Ok(done) if done.status.success() => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
        Ok(done) => Err(fault(format!(
            "{}: {}",
            done.status,
            tool::last_words(&done)
        ))),
        Err(tool::RunError::Start(error)) => Err(fault(error.to_string())),
        Err(tool::RunError::Slow) => {
            Err(fault(format!("it took more than {} s", deadline.as_secs())))
        }
    }
}

fn in_path(name: &str) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| {
        let file = std::fs::metadata(folder.join(name));
        file.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    })
}
