//! What the tests of launching share: a lab, and peers of the tests' own making.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mpws_lab::{Host, Lab, StartError};
use mpws_peers::catalogue::{PeerSpec, Program, Role};

/// A lab with two hosts, or nothing where this machine cannot have one, which is said and, with
/// `MPWS_EXPECT_ALL=1`, an error.
pub fn lab() -> Option<Lab> {
    match Lab::two_hosts(1) {
        Ok(lab) => Some(lab),
        Err(error @ StartError::Unsupported { .. }) => {
            skip(&format!("{error}: {:?}", error.remedy()));
            None
        }
        Err(error) => panic!("{error}: {error:?}"),
    }
}

/// Says why a test does not run; an error where everything is expected to.
pub fn skip(reason: &str) {
    assert!(
        std::env::var_os("MPWS_EXPECT_ALL").is_none_or(|value| value != "1"),
        "cannot run here, and everything is expected to: {reason}"
    );
    eprintln!("skipped: {reason}");
}

/// The client's host.
pub fn host(lab: &Lab) -> Host {
    lab.host("client")
}

/// A peer that is a program with these arguments and variables.
pub fn command(name: &str, program: &Path, env: &[(&str, &str)]) -> PeerSpec {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    PeerSpec {
        name: name.to_owned(),
        family: name.to_owned(),
        reports: Some("test-peer".to_owned()),
        version: Some("1.0".to_owned()),
        implementation: Some("test".to_owned()),
        roles: BTreeSet::from([Role::Client]),
        features: BTreeSet::new(),
        own_features: BTreeSet::new(),
        matrix_only: false,
        matrix: None,
        program: Program::Command {
            argv: vec![program.to_str().expect("a path in UTF-8").to_owned()],
            env: env.iter().map(owned).collect::<BTreeMap<_, _>>(),
            built_by: None,
        },
        deviations: None,
    }
}
