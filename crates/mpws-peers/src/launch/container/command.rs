//! The command lines and environments of peers in containers.

use std::path::Path;

use super::images::PeerImage;
use crate::blind::{self, Orders};
use crate::catalogue::{PeerSpec, Program};
use crate::engine::INSIDE;
use crate::environment::BlindMade;
use crate::image;
use crate::launch::entry::BLIND;
use crate::launch::error::LaunchError;
use crate::launch::options::LaunchOptions;
use crate::protocol::CONTROL;

/// Environment variables.
type Variables = Vec<(String, String)>;

/// Program, arguments and own variables of a peer in its container, with the paths inside.
pub(super) fn container_command(
    spec: &PeerSpec,
    image: &PeerImage,
) -> Result<(Vec<String>, Variables), LaunchError> {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    match &spec.program {
        Program::Python(program) => {
            let interpreter = image.built.interpreter.display().to_string();
            let argv = [
                &interpreter,
                "-I",
                "-S",
                image::ADAPTER,
                "--site",
                image::SITE,
                "--implementation",
                &program.implementation,
            ];
            Ok((owned(&argv), Vec::new()))
        }
        Program::Command { argv, env, .. } => {
            let rest = argv.iter().skip(1).map(String::as_str);
            let argv: Vec<&str> = std::iter::once(INSIDE).chain(rest).collect();
            Ok((owned(&argv), env.clone().into_iter().collect()))
        }
        Program::Blind(program) => {
            let made = BlindMade {
                dir: image::PROGRAM.into(),
                version: image.version.clone(),
            };
            let orders = Orders::of(&spec.name, program, &made, blind::START_IN_CONTAINER);
            let orders = serde_json::to_string(&orders)
                .map_err(|error| LaunchError::Socket(error.into()))?;
            let env = [
                (mpws_lab::reexec::VARIABLE, BLIND.to_owned()),
                (blind::ORDERS, orders),
            ];
            let env = env.map(|(name, value)| (name.to_owned(), value));
            Ok((owned(&[INSIDE]), env.into()))
        }
        Program::Fixture => Err(LaunchError::NotSupported {
            peer: spec.name.clone(),
            what: "the fixture in a container",
        }),
    }
}

/// The environment of a peer in its container: a later value of a name counts.
pub(super) fn container_env(
    own: Variables,
    options: &LaunchOptions,
    scratch: &Path,
    socket: &Path,
) -> Variables {
    let path = |path: &Path| path.display().to_string();
    let usual = [
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("HOME", path(scratch)),
        ("TMPDIR", path(scratch)),
        ("LC_ALL", "C.UTF-8".to_owned()),
    ];
    let usual = usual.map(|(name, value)| (name.to_owned(), value));
    let control = (CONTROL.to_owned(), path(socket));
    let chosen = own.into_iter().chain(options.env.iter().cloned());
    usual.into_iter().chain(chosen).chain([control]).collect()
}
