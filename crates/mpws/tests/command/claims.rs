//! `mpws run claims`: the verdict follows what this machine shows.

use mpws_model::claims::ClaimVerdict;
use mpws_model::result::RunResult;

use crate::support::{mpws, run, skips_without_labs, stderr, stdout};

#[test]
fn the_client_recipe_is_true_or_false_as_the_resolver_decides() {
    if skips_without_labs() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let output = mpws(["run", "claims/client-recipe", "--out"])
        .arg(folder.path())
        .output()
        .expect("starts");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let result = std::fs::read_to_string(folder.path().join("result.json")).expect("a result");
    let result: RunResult = serde_json::from_str(&result).expect("our own JSON");
    let resolver = &result.host.capabilities["mptcp-resolver"];
    let [claim] = result.claims.as_slice() else {
        panic!("one claim: {:?}", result.claims);
    };
    let expected = if resolver.available {
        ClaimVerdict::True
    } else {
        ClaimVerdict::False
    };
    assert_eq!(claim.verdict, expected, "{}", claim.reason);
    assert_eq!(claim.over_tcp, Some(ClaimVerdict::True));
    let told = stdout(&output);
    let line = format!("{}: 2. ", expected.word());
    assert!(told.contains(&line), "{told}");
    let summary = std::fs::read_to_string(folder.path().join("summary.md")).expect("a summary");
    assert!(summary.contains("## Claims of the published recipe"));
}

#[test]
fn an_unknown_claim_is_refused_with_a_name_that_is_near() {
    let output = run(["run", "claims/client-recip"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    // The text is broken into lines by width.
    let told: String = stderr(&output).split_whitespace().collect();
    assert!(told.contains("didyoumeanclaims/"), "{output:?}");
}

#[test]
fn every_claim_is_explained_with_the_cells_that_run_it() {
    for claim in mpws_claims::CLAIMS {
        let name = format!("claims/{}", claim.id);
        let output = run(["explain", &name]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let told = stdout(&output);
        assert!(told.contains(claim.statement), "{told}");
        for aspect in claim.aspects {
            assert!(told.contains(aspect.name), "{told}");
        }
        for cell in stdout(&run(["list", "--cells", &name])).lines() {
            assert!(
                told.lines().any(|line| line.trim() == cell),
                "{cell}: {told}"
            );
        }
    }
}

#[test]
fn an_unknown_claim_is_not_explained_and_the_known_ones_are_named() {
    for name in ["claims/client-recip", "claims"] {
        let output = run(["explain", name]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(stderr(&output).contains("client-recipe"), "{output:?}");
    }
}
