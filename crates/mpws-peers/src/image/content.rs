//! What an image is made of, as a hash.

use crate::catalogue::{BlindProgram, PythonProgram};
use crate::environment::key;

use super::context;

/// Of the image of a Python peer: all that goes in. The implementation is none of it.
pub(super) fn of_python(scope: &str, base_id: &str, program: &PythonProgram) -> String {
    let files = program
        .adapter
        .iter()
        .flat_map(|(name, text)| [name.as_str(), text.as_str()]);
    let fixed = [
        scope,
        context::DOCKERFILE,
        context::INSTALL,
        base_id,
        &program.requirements.text,
    ];
    key(fixed.into_iter().chain(files))
}

/// Of the image of a blind peer: all that goes in. How it is started and talked to is none of it.
pub(super) fn of_blind(scope: &str, base_id: &str, program: &BlindProgram) -> String {
    let orders = context::orders(program);
    let files = program.files.iter();
    let files = files.flat_map(|(name, text)| [name.as_str(), text.as_str()]);
    let fixed = [
        scope,
        context::BLIND_DOCKERFILE,
        context::BLIND_BUILD,
        base_id,
        &orders,
    ];
    key(fixed.into_iter().chain(files))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use super::*;
    use crate::catalogue::{Document, Need, Needed};

    fn program() -> PythonProgram {
        PythonProgram {
            adapter: Arc::new(BTreeMap::from([("__main__.py".into(), "pass".into())])),
            requirements: Document {
                path: "requirements.txt".into(),
                text: "websockets==14.2 --hash=sha256:00".into(),
            },
            pythons: None,
            implementation: "asyncio".to_owned(),
            fork_server: true,
        }
    }

    #[test]
    fn every_input_changes_the_content_of_a_peer() {
        let mut other_text = program();
        other_text.requirements.text = "websockets==14.2 --hash=sha256:01".into();
        let mut other_adapter = program();
        other_adapter.adapter = Arc::new(BTreeMap::from([("__main__.py".into(), "".into())]));
        let mut other_file = program();
        other_file.adapter = Arc::new(BTreeMap::from([("__main__.p".into(), "ypass".into())]));
        let contents = BTreeSet::from([
            of_python("default", "sha256:1", &program()),
            of_python("other", "sha256:1", &program()),
            of_python("default", "sha256:2", &program()),
            of_python("default", "sha256:1", &other_text),
            of_python("default", "sha256:1", &other_adapter),
            of_python("default", "sha256:1", &other_file),
        ]);
        assert_eq!(contents.len(), 6);
    }

    #[test]
    fn implementations_and_the_place_of_the_requirements_do_not() {
        let mut same = program();
        same.implementation = "legacy".to_owned();
        same.fork_server = false;
        same.requirements.path = "/elsewhere/requirements.txt".into();
        assert_eq!(
            of_python("default", "sha256:1", &program()),
            of_python("default", "sha256:1", &same)
        );
    }

    #[test]
    fn what_is_put_into_a_blind_peer_s_image_changes_its_content_and_how_it_is_started_does_not() {
        let plain = blind();
        let of = |program: &BlindProgram| of_blind("default", "sha256:1", program);
        let mut started = plain.clone();
        started.server = None;
        started.mptcp = None;
        assert_eq!(of(&plain), of(&started));
        let mut contents = BTreeSet::from([of(&plain), of_blind("default", "sha256:2", &plain)]);
        for change in [
            (|program| program.build = vec![vec!["true".into()]]) as fn(&mut BlindProgram),
            |program| program.version = vec!["echo".into(), "2".into()],
            |program| drop(program.env.insert("A".into(), "1".into())),
            |program| program.needs[0].package = "other".into(),
            |program| program.files = Arc::new(BTreeMap::from([("a".into(), "b".into())])),
        ] {
            let mut changed = plain.clone();
            change(&mut changed);
            contents.insert(of(&changed));
        }
        assert_eq!(contents.len(), 7);
    }

    fn blind() -> BlindProgram {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        BlindProgram {
            version: words(&["echo", "1"]),
            mptcp: Some(words(&["mptcpize", "run"])),
            client: None,
            lines: None,
            server: Some(words(&["echo-server", "{port}"])),
            env: BTreeMap::new(),
            files: Arc::default(),
            build: Vec::new(),
            needs: vec![Need {
                what: Needed::Program("echo-server".to_owned()),
                package: "echo-server".to_owned(),
            }],
        }
    }
}
