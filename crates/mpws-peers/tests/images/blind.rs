//! Images of blind peers, on bases with their Debian packages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mpws_peers::catalogue::{BlindProgram, Need, Needed, PeerSpec, Program};
use mpws_peers::image::{Base, Condition, ListedImage};
use mpws_peers::{ImageError, Images, StateFolder};

use crate::support::{names, peer, usual};

#[test]
fn a_blind_peer_has_an_image_on_a_base_with_its_packages_and_both_are_listed() {
    if usual().is_none() {
        return;
    }
    // Not in a scope of its own: the packages are fetched once for all tests.
    let images = Images::new(StateFolder::usual().unwrap()).unwrap();
    let spec = peer("node-ws");
    let built = images
        .build(&spec, &Base::Debian12, &|line| eprintln!("{line}"))
        .unwrap();
    assert_eq!(built.libc, "glibc 2.36");
    let nothing = |line: &str| panic!("there is nothing to do: {line}");
    let again = images.build(&spec, &Base::Debian12, &nothing).unwrap();
    assert_eq!(again, built);
    let packages = ["mptcpize", "node-ws", "nodejs"];
    let listed = |peers: &[PeerSpec]| -> Vec<ListedImage> {
        let all = images.list(peers).unwrap().images;
        all.into_iter()
            .filter(|image| image.base == "debian12" && image.packages == packages)
            .collect()
    };
    // Older ones that somebody uses at this moment may be there as well.
    let mut found = listed(std::slice::from_ref(&spec));
    found.retain(|image| image.condition == Condition::Current);
    let kinds: Vec<&str> = found.iter().map(|image| &*image.kind).collect();
    assert_eq!(kinds, ["base", "peer"], "{found:?}");
    assert_eq!(found[1].peer.as_deref(), Some("node-ws"));
    assert_eq!(found[1].reference, built.reference);
    assert!(found[1].own_size.unwrap() < 1 << 20, "{found:?}");
    // Neither is of any use without the peer.
    for image in listed(&[]) {
        assert_eq!(image.condition, Condition::Stale, "{image:?}");
    }
}

#[test]
fn what_is_compiled_for_a_blind_peer_is_compiled_once_for_each_content() {
    let Some(usual) = usual() else { return };
    let images = usual.scope("test-blind");
    let said = std::cell::RefCell::new(Vec::new());
    let progress = |line: &str| said.borrow_mut().push(line.to_owned());
    let spec = blind(&[], "print('made')");
    let first = images.build(&spec, &usual.base, &progress).unwrap();
    assert!(!said.borrow().is_empty());
    said.borrow_mut().clear();
    assert_eq!(images.build(&spec, &usual.base, &progress).unwrap(), first);
    assert_eq!(*said.borrow(), Vec::<String>::new());
    let changed = blind(&[], "print('made anew')");
    let second = images.build(&changed, &usual.base, &progress).unwrap();
    assert_ne!(second.reference, first.reference);
    assert_eq!(names(&images), BTreeSet::from([second.reference]));
    let cleaned = images.clean().unwrap();
    assert_eq!(cleaned.images.len(), 1, "{cleaned:?}");
}

#[test]
fn a_build_that_fails_and_a_base_that_lacks_something_say_what_it_is() {
    let Some(usual) = usual() else { return };
    let images = usual.scope("test-blind-fails");
    let failed = |spec: &PeerSpec| {
        let error = images.build(spec, &usual.base, &|_| {}).unwrap_err();
        let ImageError::Build { detail, .. } = error else {
            panic!("{error:?}");
        };
        detail
    };
    let detail = failed(&blind(&[], "import sys; sys.exit('no such header')"));
    assert!(detail.contains("no such header"), "{detail}");
    // A base that is not made of Debian packages is taken as it is.
    let detail = failed(&blind(&["no-such-package"], ""));
    let lacks = "/no-such-file is not there: the base lacks the Debian package no-such-package";
    assert!(detail.contains(lacks), "{detail}");
    images.clean().unwrap();
    assert!(names(&images).is_empty());
}

#[test]
fn a_package_that_a_suite_does_not_have_is_named() {
    let Some(usual) = usual() else { return };
    let images = usual.scope("test-blind-package");
    let spec = blind(&["no-such-package"], "");
    let error = images.build(&spec, &Base::Debian12, &|_| {}).unwrap_err();
    let ImageError::Recipe { detail, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(detail.contains("no-such-package"), "{detail}");
    assert!(names(&images).is_empty());
}

/// A peer with a file of each of these packages, and a program in Python that is run to build it.
fn blind(packages: &[&str], build: &str) -> PeerSpec {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let need = |package: &&str| Need {
        what: Needed::File("/no-such-file".into()),
        package: (*package).to_owned(),
    };
    PeerSpec {
        program: Program::Blind(BlindProgram {
            version: words(&["echo", "1"]),
            mptcp: None,
            client: None,
            lines: None,
            server: Some(words(&["false", "{port}"])),
            env: BTreeMap::new(),
            files: Arc::new(BTreeMap::from([("make.py".to_owned(), build.to_owned())])),
            build: vec![words(&["python3", "{dir}/make.py"])],
            needs: packages.iter().map(need).collect(),
        }),
        ..peer("node-ws")
    }
}
