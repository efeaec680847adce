//! Programs of this machine in containers: the program of a peer that speaks the adapter protocol
//! by itself, and our own executable, which is the driver of a blind peer. Their files are mounted,
//! read-only.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::catalogue::{PeerSpec, Program};
use crate::engine::{EngineError, INSIDE};
use crate::image::{Base, BuiltImage, ImageError, Images};
use crate::launch::error::LaunchError;
use crate::protocol::chain::in_one_line;

/// A program of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mounted {
    pub(super) path: PathBuf,
}

/// The program that is mounted for a peer, if one is.
pub(super) fn of(spec: &PeerSpec) -> Result<Option<Mounted>, LaunchError> {
    match &spec.program {
        Program::Blind(_) => Ok(Some(Mounted { path: own(spec)? })),
        Program::Command { argv, .. } => {
            let path = Path::new(argv.first().map_or("", String::as_str));
            if !path.is_absolute() || loading(path).is_none() {
                return Err(LaunchError::NotSupported {
                    peer: spec.name.clone(),
                    what: "running a program in a container that is no executable file (ELF) of a path of its own",
                });
            }
            Ok(Some(Mounted {
                path: path.to_owned(),
            }))
        }
        _ => Ok(None),
    }
}

impl Mounted {
    /// Whether the base has the C library that the program was linked for, and all else that it
    /// loads. The base is asked: its dynamic linker goes through all of it and does not run the
    /// program, as `ldd` has it do.
    pub(super) fn check(
        &self,
        spec: &PeerSpec,
        images: &Images,
        built: &BuiltImage,
        base: &Base,
    ) -> Result<(), LaunchError> {
        if loading(&self.path) == Some(Loading::Static) {
            // The linker has no part in it: it would run.
            return Ok(());
        }
        let env = [
            ("LD_TRACE_LOADED_OBJECTS", "1"),
            ("LD_WARN", "yes"),
            ("LD_BIND_NOW", "yes"),
        ];
        let mounted = (self.path.as_path(), INSIDE);
        let why = match images.run(&built.reference, &[INSIDE], &env, Some(mounted)) {
            Ok(said) => match unmet(&said.output, &said.errors) {
                None if said.status == 0 => return Ok(()),
                None => format!("its dynamic linker ends with status {}", said.status),
                Some(words) => words,
            },
            Err(ImageError::Engine(error @ EngineError::Refused { .. })) => in_one_line(&error),
            Err(error) => return Err(missing(spec, &error)),
        };
        Err(LaunchError::Image {
            peer: spec.name.clone(),
            detail: format!(
                "{} was built for another C library than the base {base} has ({}): {why}; choose a newer base, or build it on \
                 an older system",
                self.path.display(),
                built.libc
            ),
        })
    }
}

pub(super) fn missing(spec: &PeerSpec, error: &ImageError) -> LaunchError {
    LaunchError::Image {
        peer: spec.name.clone(),
        detail: format!("{}; {}", in_one_line(error), error.remedy()),
    }
}

/// What a dynamic linker has not found, in one line.
fn unmet(output: &str, errors: &str) -> Option<String> {
    let lines = output.lines().chain(errors.lines());
    let unmet: Vec<&str> = lines
        .map(str::trim)
        .filter(|line| line.contains("not found"))
        .collect();
    (!unmet.is_empty()).then(|| unmet.join("; "))
}

/// The file of our own executable, which must still be the one that runs: another one would be
/// another driver.
fn own(spec: &PeerSpec) -> Result<PathBuf, LaunchError> {
    if std::env::var_os(mpws_lab::reexec::EXECUTABLE).is_some() {
        return Err(LaunchError::NotSupported {
            peer: spec.name.clone(),
            what: "running a blind peer in a container where mpws is part of another program",
        });
    }
    let identity = |path: &Path| {
        let about = std::fs::metadata(path)?;
        std::io::Result::Ok((about.dev(), about.ino()))
    };
    let running = identity(Path::new(mpws_lab::reexec::SELF)).map_err(LaunchError::Socket)?;
    let path = std::env::current_exe().map_err(LaunchError::Socket)?;
    if identity(&path).is_ok_and(|file| file == running) {
        return Ok(path);
    }
    Err(LaunchError::Image {
        peer: spec.name.clone(),
        detail: format!(
            "the program {} was replaced while it runs, so it cannot be put into a container; start it again",
            path.display()
        ),
    })
}

/// Who makes a program ready to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loading {
    /// A dynamic linker, which the file names.
    Dynamic,
    /// The kernel alone.
    Static,
}

/// How an executable file (ELF, 64 bits, little endian) is loaded; `None` for any other file.
fn loading(path: &Path) -> Option<Loading> {
    let mut head = Vec::new();
    let file = File::open(path).ok()?;
    file.take(LARGEST_HEAD).read_to_end(&mut head).ok()?;
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let number = |at: usize| Some(usize::from(u16::from_le_bytes(bytes(&head, at)?)));
    // `e_phoff`, `e_phentsize` and `e_phnum` of elf(5).
    let start = usize::try_from(u64::from_le_bytes(bytes(&head, 32)?)).ok()?;
    let (size, count) = (number(54)?, number(56)?);
    let kind = |header: usize| Some(u32::from_le_bytes(bytes(&head, header)?));
    let interpreted = (0..count)
        .map_while(|one| kind(start.checked_add(one.checked_mul(size)?)?))
        .any(|kind| kind == PT_INTERP);
    Some(if interpreted {
        Loading::Dynamic
    } else {
        Loading::Static
    })
}

fn bytes<const N: usize>(head: &[u8], at: usize) -> Option<[u8; N]> {
    head.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// Bytes of a file that hold its program headers: linkers put them behind the file's header.
const LARGEST_HEAD: u64 = 1 << 16;

/// `PT_INTERP` of elf(5): the program header that names a dynamic linker.
const PT_INTERP: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_dynamic_linker_does_not_find_is_told() {
        let fine = "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f0000000000)\n";
        assert_eq!(unmet(fine, ""), None);
        let old = "/opt/mpws/bin/program: /lib/libc.so.6: version `GLIBC_2.34' not found (required by it)\n";
        assert!(unmet(fine, old).is_some_and(|words| words.contains("GLIBC_2.34")));
        let absent = "\tlibgcc_s.so.1 => not found\n";
        assert!(unmet(absent, "").is_some_and(|words| words.contains("libgcc_s")));
    }

    #[test]
    fn a_program_with_a_dynamic_linker_is_told_from_one_without_and_from_a_script() {
        let own = std::env::current_exe().unwrap();
        assert_eq!(loading(&own), Some(Loading::Dynamic));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        assert_eq!(loading(&path), None);
        let mut head = std::fs::read(&own).unwrap();
        head.truncate(64);
        // `e_phnum`
        head[56..58].copy_from_slice(&[0, 0]);
        std::fs::write(&path, &head).unwrap();
        assert_eq!(loading(&path), Some(Loading::Static));
        std::fs::write(&path, &head[..40]).unwrap();
        assert_eq!(loading(&path), None, "a part of a header");
    }
}
