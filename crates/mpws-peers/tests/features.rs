//! The table of features in the documentation is that of the code.

use mpws_peers::protocol::Feature;

const PAGE: &str = include_str!("../../../docs/adapter-protocol.md");

#[test]
fn the_page_on_the_protocol_lists_every_feature_with_its_line() {
    let (_, rest) = PAGE
        .split_once("compared by a test -->\n")
        .expect("the beginning of the table");
    let (written, _) = rest
        .split_once("<!-- end of features -->")
        .expect("the end of the table");
    let mut made =
        "| feature | side | what it includes or leaves out |\n|---|---|---|\n".to_owned();
    for feature in Feature::ALL {
        let (word, side, what) = (feature.word(), feature.side(), feature.what());
        made.push_str(&format!("| `{word}` | {side} | {what} |\n"));
    }
    assert_eq!(written, made);
}
