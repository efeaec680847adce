//! Building, finding again, and what becomes of older images.

use std::cell::RefCell;
use std::collections::BTreeSet;

use mpws_peers::ImageError;
use mpws_peers::catalogue::Program;
use mpws_peers::image::{Base, Condition};

use crate::support::{changed, names, peer, usual};

#[test]
fn versions_have_images_of_their_own_on_the_same_python() {
    let Some(usual) = usual() else { return };
    let [older, newer] = &usual.built;
    assert_ne!(older.reference, newer.reference);
    for image in [older, newer] {
        assert!(image.python.starts_with("3.11."), "{image:?}");
        assert_eq!(image.libc, "glibc 2.36");
        assert_eq!(image.interpreter.to_str(), Some("/usr/bin/python3"));
    }
}

#[test]
fn a_second_build_does_nothing_and_implementations_share_the_image() {
    let Some(usual) = usual() else { return };
    let images = usual.scope("test-second");
    let legacy = peer("websockets-13.1-legacy");
    assert_eq!(images.find(&legacy, &usual.base).unwrap(), None);
    let said = RefCell::new(Vec::new());
    let progress = |line: &str| said.borrow_mut().push(line.to_owned());
    let first = images.build(&legacy, &usual.base, &progress).unwrap();
    assert!(!said.borrow().is_empty());
    said.borrow_mut().clear();
    let second = images
        .build(&peer("websockets-13.1-sync"), &usual.base, &progress)
        .unwrap();
    assert_eq!(first, second);
    assert_eq!(images.find(&legacy, &usual.base).unwrap(), Some(first));
    assert_eq!(*said.borrow(), Vec::<String>::new());
    images.clean().unwrap();
}

#[test]
fn a_changed_adapter_makes_another_image_and_the_older_one_goes() {
    let Some(usual) = usual() else { return };
    let images = usual.scope("test-changed");
    let before = peer("websockets-14.2-asyncio");
    let first = images.build(&before, &usual.base, &|_| {}).unwrap();
    let other_version = peer("websockets-13.1-asyncio");
    let other_version = images.build(&other_version, &usual.base, &|_| {}).unwrap();
    let after = changed(before.clone(), "# changed\n");
    let listing = images.list(std::slice::from_ref(&after)).unwrap();
    let stale = |image: &&mpws_peers::image::ListedImage| image.condition == Condition::Stale;
    assert_eq!(
        listing.images.iter().filter(stale).count(),
        2,
        "{listing:?}"
    );

    let second = images.build(&after, &usual.base, &|_| {}).unwrap();
    assert_ne!(first.reference, second.reference);
    let left = BTreeSet::from([second.reference.clone(), other_version.reference]);
    assert_eq!(names(&images), left);
    let listing = images.list(&[after]).unwrap();
    for image in &listing.images {
        let current = image.reference == second.reference;
        assert_eq!(image.condition == Condition::Current, current, "{image:?}");
        assert!(image.own_size.unwrap() < 10 << 20, "{image:?}");
    }
    images.clean().unwrap();
}

#[test]
fn a_version_that_has_no_wheel_for_this_python_does_not_exist_for_it() {
    let Some(usual) = usual() else { return };
    let images = usual.scope("test-missing");
    let mut spec = peer("websockets-14.2-asyncio");
    let Program::Python(program) = &mut spec.program else {
        panic!("not a Python peer");
    };
    let pinned = format!("websockets==14.2.99 --hash=sha256:{:064}\n", 0);
    program.requirements.text = pinned.into();
    let error = images.build(&spec, &usual.base, &|_| {}).unwrap_err();
    let ImageError::NotForPython { python, .. } = &error else {
        panic!("{error:?}");
    };
    assert!(python.starts_with("Python 3.11."), "{error}");
    assert!(names(&images).is_empty());
}

#[test]
fn an_image_that_the_engine_does_not_have_is_told_with_the_way_to_get_it() {
    let Some(usual) = usual() else { return };
    let images = usual.scope("test-absent");
    let absent = Base::Image("mpws-test/no-such-image:1".to_owned());
    let spec = peer("websockets-14.2-asyncio");
    assert_eq!(images.find(&spec, &absent).unwrap(), None);
    let error = images.build(&spec, &absent, &|_| {}).unwrap_err();
    assert!(
        matches!(&error, ImageError::NoBase { reference } if reference == "mpws-test/no-such-image:1")
    );
    assert!(
        error
            .remedy()
            .contains("docker pull mpws-test/no-such-image:1")
    );
}

#[test]
fn our_own_fixture_has_no_image() {
    let Some(usual) = usual() else { return };
    let error = usual
        .scope("test-fixture")
        .find(&peer("fixture"), &Base::Debian12)
        .unwrap_err();
    assert!(matches!(error, ImageError::NoImageFor { .. }), "{error:?}");
}
