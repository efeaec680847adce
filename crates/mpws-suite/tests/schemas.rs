//! The checked-in schema of known deviations is that of the code. `MPWS_UPDATE_SCHEMAS=1` writes it
//! anew.

use std::path::PathBuf;

use mpws_suite::expectation::DeviationFile;

#[test]
fn the_schema_of_deviations_is_the_one_of_the_model() {
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas/deviations.schema.json");
    let schema = schemars::schema_for!(DeviationFile);
    let generated = serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n";
    if std::env::var_os("MPWS_UPDATE_SCHEMAS").is_some() {
        std::fs::write(&path, &generated).expect("the schema can be written");
    }
    let checked_in = std::fs::read_to_string(&path).expect("the schema is checked in");
    assert!(
        generated == checked_in,
        "docs/schemas/deviations.schema.json is out of date; \
         MPWS_UPDATE_SCHEMAS=1 cargo test -p mpws-suite --test schemas writes it anew"
    );
}
