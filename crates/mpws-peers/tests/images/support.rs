//! An engine and a base, or the reason why not.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use mpws_peers::catalogue::{Catalogue, PeerSpec, Program};
use mpws_peers::image::{Base, ImageError, Images};
use mpws_peers::launch::EngineError;
use mpws_peers::{BuiltImage, StateFolder};

/// The usual images with a base that is there, built once for all tests; nothing where this machine
/// cannot have them, which is said and, with `MPWS_EXPECT_ALL=1`, an error.
pub fn usual() -> Option<&'static Usual> {
    static USUAL: LazyLock<Result<Usual, ImageError>> = LazyLock::new(Usual::make);
    match &*USUAL {
        Ok(usual) => Some(usual),
        Err(
            error @ (ImageError::Engine(
                EngineError::Missing { .. }
                | EngineError::Unreachable { .. }
                | EngineError::TooOld { .. },
            )
            | ImageError::NotRoot { .. }
            | ImageError::NoTool { .. }),
        ) => {
            assert!(
                std::env::var_os("MPWS_EXPECT_ALL").is_none_or(|value| value != "1"),
                "cannot run here, and everything is expected to: {error}"
            );
            eprintln!("skipped: {error}; {}", error.remedy());
            None
        }
        Err(error) => panic!("{error}: {error:?}"),
    }
}

/// The images of Debian 12.
pub struct Usual {
    images: Images,
    /// Two versions of `websockets`.
    pub built: [BuiltImage; 2],
    /// Their base, by the name of its image.
    pub base: Base,
}

impl Usual {
    fn make() -> Result<Self, ImageError> {
        let images = Images::new(StateFolder::usual().unwrap())?;
        let build = |name| {
            let progress = |line: &str| eprintln!("{line}");
            images.build(&peer(name), &Base::Debian12, &progress)
        };
        let built = [
            build("websockets-13.1-asyncio")?,
            build("websockets-14.2-asyncio")?,
        ];
        let listing = images.list(&[])?;
        let base = listing
            .images
            .into_iter()
            .find(|image| image.kind == "base" && image.base == "debian12")
            .unwrap();
        Ok(Self {
            images,
            built,
            base: Base::Image(base.reference),
        })
    }

    /// A scope that holds nothing.
    pub fn scope(&self, name: &str) -> Images {
        let images = self.images.clone().scoped(name);
        images.clean().unwrap();
        images
    }
}

/// A peer of the catalogue.
pub fn peer(name: &str) -> PeerSpec {
    Catalogue::builtin().unwrap().peer(name).unwrap().clone()
}

/// The same with another line in its adapter.
pub fn changed(mut peer: PeerSpec, line: &str) -> PeerSpec {
    let Program::Python(program) = &mut peer.program else {
        panic!("not a Python peer");
    };
    let mut adapter = (*program.adapter).clone();
    adapter.get_mut("__main__.py").unwrap().push_str(line);
    program.adapter = Arc::new(adapter);
    peer
}

/// Names of the images of a scope.
pub fn names(images: &Images) -> BTreeSet<String> {
    let listing = images.list(&[]).unwrap();
    listing
        .images
        .into_iter()
        .map(|image| image.reference)
        .collect()
}
