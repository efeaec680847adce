//! The checked-in schemas are those of the code. `MPWS_UPDATE_SCHEMAS=1` writes them anew.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::path::Path;

fn compare(name: &str, schema: &serde_json::Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/schemas")
        .join(name);
    let made = serde_json::to_string_pretty(schema).unwrap() + "\n";
    if std::env::var_os("MPWS_UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, made).unwrap();
        return;
    }
    let checked_in = std::fs::read_to_string(&path).unwrap();
    assert!(
        checked_in == made,
        "docs/schemas/{name} is not the schema of the code; \
         MPWS_UPDATE_SCHEMAS=1 cargo test -p mpws-peers schema writes it anew"
    );
}

#[test]
fn the_schema_of_peer_files_is_the_one_that_is_checked_in() {
    let schema = serde_json::to_value(mpws_peers::catalogue::schema()).unwrap();
    compare("peer.schema.json", &schema);
}

#[test]
fn the_schema_of_the_adapter_protocol_is_the_one_that_is_checked_in() {
    compare(
        "adapter-protocol.schema.json",
        &mpws_peers::protocol::schema(),
    );
}

#[test]
fn the_schema_of_listed_images_is_the_one_that_is_checked_in() {
    let schema = serde_json::to_value(mpws_peers::image::schema()).unwrap();
    compare("images.schema.json", &schema);
}
