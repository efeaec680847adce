//! The checked-in schemas describe what the reports write.

mod sample;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use mpws_model::result::RunResult;
use mpws_report::junit;
use mpws_report::matrix::SupportMatrix;

fn schemas() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/schemas")
}

#[test]
fn the_schema_of_results_is_the_one_of_the_model() {
    compare("result.schema.json", &schemars::schema_for!(RunResult));
}

#[test]
fn the_schema_of_the_support_matrix_is_the_one_of_the_model() {
    let schema = schemars::schema_for!(SupportMatrix);
    compare("support-matrix.schema.json", &schema);
}

fn compare(name: &str, schema: &schemars::Schema) {
    let mut generated = serde_json::to_string_pretty(schema).expect("a schema is JSON");
    generated.push('\n');
    let path = schemas().join(name);
    if std::env::var_os("MPWS_UPDATE_SCHEMAS").is_some_and(|value| value == "1") {
        fs::write(&path, &generated).expect("the schema can be written");
    }
    let checked_in = fs::read_to_string(&path).expect("the schema is checked in");
    assert!(
        generated == checked_in,
        "docs/schemas/{name} is out of date; renew it with\n  \
         MPWS_UPDATE_SCHEMAS=1 cargo test -p mpws-report --test schemas"
    );
}

#[test]
fn the_junit_report_is_valid_by_its_schema() {
    if skips_without_xmllint() {
        return;
    }
    let mut without_some = sample::green();
    without_some.left_out = sample::left_out();
    for run in [sample::run(), sample::green(), without_some] {
        let report = junit::render(&run).expect("renders");
        assert_eq!(validate(&report), Ok(()), "{report}");
    }
}

#[test]
fn the_junit_schema_refuses_a_case_that_both_fails_and_is_skipped() {
    if skips_without_xmllint() {
        return;
    }
    let report = junit::render(&sample::run()).expect("renders");
    let broken = report.replacen("<skipped ", "<failure/><skipped ", 1);
    assert_ne!(broken, report);
    assert!(validate(&broken).is_err());
}

/// Runs xmllint over a report; an error is what it says.
fn validate(report: &str) -> Result<(), String> {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), report).expect("can be written");
    let output = Command::new("xmllint")
        .args(["--noout", "--nonet", "--schema"])
        .arg(schemas().join("junit.xsd"))
        .arg(file.path())
        .output()
        .expect("xmllint runs");
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Whether xmllint is missing; prints so, and fails where everything is expected to be there.
fn skips_without_xmllint() -> bool {
    let missing = Command::new("xmllint").arg("--version").output().is_err();
    if missing {
        println!("skipped: xmllint is not installed (Debian: libxml2-utils)");
        let expected = std::env::var_os("MPWS_EXPECT_ALL").is_some_and(|value| value == "1");
        assert!(!expected, "xmllint is missing although MPWS_EXPECT_ALL=1");
    }
    missing
}
