//! Tells the programs which versions of the libraries they are built with: `Cargo.lock` decides
//! that.

use std::path::Path;

const LIBRARIES: [(&str, &str); 2] = [
    ("tungstenite", "TUNGSTENITE_VERSION"),
    ("tokio-websockets", "TOKIO_WEBSOCKETS_VERSION"),
];

fn main() {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let path = Path::new(&folder).join("../../Cargo.lock");
    println!("cargo::rerun-if-changed={}", path.display());
    let lock = std::fs::read_to_string(&path).expect("Cargo.lock of the workspace");
    for (library, variable) in LIBRARIES {
        let head = format!("name = \"{library}\"\nversion = \"");
        let mut versions = lock
            .match_indices(&head)
            .filter_map(|(at, head)| lock[at + head.len()..].split('"').next());
        let (version, another) = (versions.next(), versions.next());
        let version = version.unwrap_or_else(|| panic!("no {library} in Cargo.lock"));
        assert_eq!(another, None, "two versions of {library} in Cargo.lock");
        println!("cargo::rustc-env={variable}={version}");
    }
}
