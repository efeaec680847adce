//! Bases of Debian packages.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::unistd::geteuid;

use super::base::Base;
use super::error::ImageError;
use super::images::Images;
use super::labels::{self, BASE_KIND, BASE_REPOSITORY};
use super::store::Image;
use crate::engine::EngineError;
use crate::environment::{EnvironmentError, key};

const SCRIPT: &str = include_str!("../../../../docker/debian-base/build.sh");

/// How long the recipe may take; most of it is the download: 30 MB, and several hundred for some
/// blind peers.
const DEADLINE: Duration = Duration::from_secs(1800);

/// Lines of the recipe that are kept for a message.
const LAST_WORDS: usize = 20;

impl Images {
    /// The image that a base is, if it is there and, where it is one of ours, current. The packages
    /// are those that a base of Debian packages has for a blind peer; other bases are taken as they
    /// are.
    pub(super) fn base_image(
        &self,
        base: &Base,
        packages: &[&str],
    ) -> Result<Option<Image>, ImageError> {
        match (base, self::content(&self.scope, base, packages)) {
            (Base::Image(reference), _) => Ok(self.engine.image(reference)?),
            (_, None) => Ok(None),
            (_, Some(content)) => {
                let found = self.engine.image(&named(base, &content))?;
                let ours = |image: &Image| image.labels.get(labels::CONTENT) == Some(&content);
                Ok(found.filter(ours))
            }
        }
    }

    /// The same; it is made first where it is not there.
    pub(super) fn base_made(
        &self,
        base: &Base,
        packages: &[&str],
        progress: &dyn Fn(&str),
    ) -> Result<Image, ImageError> {
        if let Some(found) = self.base_image(base, packages)? {
            return Ok(found);
        }
        let Some(content) = self::content(&self.scope, base, packages) else {
            return Err(ImageError::NoBase {
                reference: base.to_string().split_off("image:".len()),
            });
        };
        if !geteuid().is_root() {
            return Err(ImageError::NotRoot { base: base.clone() });
        }
        let folder = self.state.path().join("base");
        let fault = EnvironmentError::at(&folder);
        // Left by somebody who was killed while holding the lock.
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(fault(error).into()),
            _ => {}
        }
        std::fs::create_dir_all(&folder).map_err(&fault)?;
        let with = if packages.is_empty() {
            String::new()
        } else {
            format!(" with {}", packages.join(", "))
        };
        progress(&format!(
            "making the base {base}{with} of Debian packages (once)"
        ));
        let made = self.import(base, packages, &content, &folder, progress);
        let _ = std::fs::remove_dir_all(&folder);
        made?;
        self.forget_older_bases(base, packages, &content, progress)?;
        self.base_image(base, packages)?
            .ok_or_else(|| ImageError::Vanished {
                reference: reference(&self.scope, base, packages),
            })
    }

    fn import(
        &self,
        base: &Base,
        packages: &[&str],
        content: &str,
        folder: &std::path::Path,
        progress: &dyn Fn(&str),
    ) -> Result<(), ImageError> {
        let script = folder.join("build.sh");
        std::fs::write(&script, SCRIPT).map_err(EnvironmentError::at(&script))?;
        let tar = folder.join("base.tar");
        let mut command = Command::new("setpriv");
        // With this process, the recipe ends too, and all that it has started.
        command
            .args(["--pdeathsig", "KILL", "--", "/bin/bash"])
            .arg(&script)
            .arg(base.suite().unwrap_or_default())
            .arg(&tar)
            .args(packages);
        let date = run(&mut command, base, progress)?;
        progress(&format!("importing the base {base}"));
        let labels = [
            (labels::KIND, BASE_KIND),
            (labels::SCOPE, &self.scope),
            (labels::CONTENT, content),
            (labels::BASE, &base.to_string()),
            (labels::PACKAGES, &packages.join(" ")),
            (labels::SUITE_DATE, date.trim()),
        ];
        let (repository, tag) = (BASE_REPOSITORY, tag(base, content));
        self.engine.import(&tar, repository, &tag, &labels)
    }
}

/// What a base is made of, as a hash: suite, recipe and the packages for a blind peer. They may be
/// newer the next time.
pub(super) fn content(scope: &str, base: &Base, packages: &[&str]) -> Option<String> {
    let fixed = [scope, base.suite()?, SCRIPT];
    Some(key(fixed.into_iter().chain(packages.iter().copied())))
}

/// The name of the image of a base.
pub(super) fn reference(scope: &str, base: &Base, packages: &[&str]) -> String {
    match (base, self::content(scope, base, packages)) {
        (Base::Image(reference), _) => reference.clone(),
        (_, content) => named(base, &content.unwrap_or_default()),
    }
}

fn named(base: &Base, content: &str) -> String {
    format!("{BASE_REPOSITORY}:{}", tag(base, content))
}

fn tag(base: &Base, content: &str) -> String {
    format!("{base}-{content}")
}

/// Runs the recipe and gives the date that it prints.
fn run(command: &mut Command, base: &Base, progress: &dyn Fn(&str)) -> Result<String, ImageError> {
    for program in ["setpriv", "unshare", "mmdebstrap"] {
        if !in_path(program) {
            let base = base.clone();
            return Err(ImageError::NoTool { base, program });
        }
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(ImageError::Context)?;
    let (sender, lines) = mpsc::channel();
    let reader = child.stderr.take().map(|errors| {
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        })
    });
    let deadline = Instant::now() + DEADLINE;
    let mut last = VecDeque::new();
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                if let Some(step) = line.strip_prefix("I: ") {
                    progress(&format!("{base}: {step}"));
                }
                if last.len() == LAST_WORDS {
                    last.pop_front();
                }
                last.push_back(line);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                // The rest dies with it: it is the parent of the first process of a namespace.
                let _ = child.kill();
                let _ = child.wait();
                return Err(ImageError::SlowRecipe {
                    base: base.clone(),
                    seconds: DEADLINE.as_secs(),
                });
            }
        }
    }
    if let Some(reader) = reader {
        let _ = reader.join();
    }
    let mut output = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout
            .read_to_string(&mut output)
            .map_err(ImageError::Context)?;
    }
    let status = child.wait().map_err(ImageError::Context)?;
    let detail = Vec::from(last).join("\n");
    if detail.contains("No space left on device") {
        return Err(EngineError::OutOfDisk { detail }.into());
    }
    output
        .lines()
        .find_map(|line| line.strip_prefix("date "))
        .filter(|_| status.success())
        .map(str::to_owned)
        .ok_or(ImageError::Recipe {
            base: base.clone(),
            detail,
        })
}

fn in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_suite_and_list_of_packages_has_a_content_of_its_own_and_other_images_have_none() {
        let contents: BTreeSet<_> = Base::DEBIAN
            .iter()
            .flat_map(|base| [&[][..], &["a"], &["a", "b"]].map(|packages| (base, packages)))
            .filter_map(|(base, packages)| content("default", base, packages))
            .collect();
        assert_eq!(contents.len(), 3 * Base::DEBIAN.len());
        assert_eq!(
            content("default", &Base::Image("python:3".to_owned()), &[]),
            None
        );
    }
}
