//! The peer of `docs/adapter-protocol.md` does what that page says.

use crate::support;
use mpws_peers::protocol::{ServerLook, SocketCreate, SocketFamily, SocketKind, SocketProtocol};
use mpws_peers::{CallError, Catalogue, LaunchError, LaunchOptions, Launcher, StateFolder};

const PAGE: &str = include_str!("../../../../docs/adapter-protocol.md");

/// The first block of code in this language.
fn block(language: &str) -> &'static str {
    let start = format!("```{language}\n");
    let (_, rest) = PAGE.split_once(&start).expect("the page has such a block");
    rest.split_once("```").expect("the block ends").0
}

#[test]
fn the_peer_of_the_documentation_is_trusted_and_makes_sockets() {
    let Some(lab) = support::lab() else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("my_peer.py"), block("python")).unwrap();
    std::fs::write(folder.path().join("peer.toml"), block("toml")).unwrap();
    let mut catalogue = Catalogue::default();
    catalogue
        .add_file(&folder.path().join("peer.toml"))
        .unwrap();
    let spec = catalogue.peer("my-peer").unwrap();
    let launcher = Launcher::process(StateFolder::new(folder.path()).unwrap()).unwrap();
    let options = LaunchOptions {
        scratch: Some(folder.path().to_owned()),
        ..LaunchOptions::default()
    };
    let peer = match launcher.launch(spec, &support::host(&lab), &options) {
        Err(LaunchError::Spawn { source, .. }) => {
            return support::skip(&format!("no python3: {source}"));
        }
        other => other.unwrap(),
    };
    let create = SocketCreate {
        family: SocketFamily::V4,
        kind: SocketKind::Stream,
        protocol: SocketProtocol::Tcp,
        by_constant: false,
    };
    assert_eq!(peer.call(&create).unwrap().socket, 1);
    let odd = SocketCreate {
        by_constant: true,
        ..create
    };
    let error = peer.call(&odd).unwrap_err();
    assert!(matches!(error, CallError::Unsupported { .. }), "{error:?}");
    let error = peer.call(&ServerLook { server: 1 }).unwrap_err();
    assert!(matches!(error, CallError::Unsupported { .. }), "{error:?}");
}
