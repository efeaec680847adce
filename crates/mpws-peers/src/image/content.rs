//! What an image is made of, as a hash.

use crate::catalogue::PythonProgram;
use crate::environment::key;

use super::{base::Base, context, recipe};

/// Of a peer's image: all that goes in. The implementation is none of it.
pub(super) fn of_peer(scope: &str, base_id: &str, program: &PythonProgram) -> String {
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

/// Of a base: suite and recipe. Packages may be newer the next time.
pub(super) fn of_base(scope: &str, base: &Base) -> Option<String> {
    Some(key([scope, base.suite()?, recipe::SCRIPT]))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use super::*;
    use crate::catalogue::Document;

    fn program() -> PythonProgram {
        PythonProgram {
            adapter: Arc::new(BTreeMap::from([("__main__.py".into(), "pass".into())])),
            requirements: Document {
                path: "requirements.txt".into(),
                text: "websockets==14.2 --hash=sha256:00".into(),
            },
            pythons: None,
            implementation: "asyncio".to_owned(),
            nursery: true,
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
            of_peer("default", "sha256:1", &program()),
            of_peer("other", "sha256:1", &program()),
            of_peer("default", "sha256:2", &program()),
            of_peer("default", "sha256:1", &other_text),
            of_peer("default", "sha256:1", &other_adapter),
            of_peer("default", "sha256:1", &other_file),
        ]);
        assert_eq!(contents.len(), 6);
    }

    #[test]
    fn implementations_and_the_place_of_the_requirements_do_not() {
        let mut same = program();
        same.implementation = "legacy".to_owned();
        same.nursery = false;
        same.requirements.path = "/elsewhere/requirements.txt".into();
        assert_eq!(
            of_peer("default", "sha256:1", &program()),
            of_peer("default", "sha256:1", &same)
        );
    }

    #[test]
    fn every_suite_has_a_content_of_its_own_and_other_images_have_none() {
        let contents: BTreeSet<_> = Base::DEBIAN
            .iter()
            .filter_map(|base| of_base("default", base))
            .collect();
        assert_eq!(contents.len(), Base::DEBIAN.len());
        assert_eq!(
            of_base("default", &Base::Image("python:3".to_owned())),
            None
        );
    }
}
