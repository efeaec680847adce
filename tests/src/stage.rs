//! Where whole runs are made: peer files in a folder of their own, and runs that leave nothing else
//! behind.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use mpws_peers::protocol::Feature;
use mpws_suite::case::Profile;
use mpws_suite::event::RunEvent;
use mpws_suite::plan::{Plan, PlanError, Planned, Selection, Selectors};
use mpws_suite::result::RunResult;
use mpws_suite::run::{Keep, RunError, RunOptions};
use mpws_suite::sabotage::Sabotage;
use tempfile::TempDir;

use crate::{blind, mutant};

/// A folder for peer files and evidence. It goes when this value goes.
#[derive(Debug)]
pub struct Stage {
    folder: TempDir,
    files: Vec<PathBuf>,
}

/// A peer to be written into a `peer.toml`.
#[derive(Clone, Debug)]
pub struct PeerFile<'a> {
    /// Its name in cells.
    pub name: &'a str,
    /// Its features.
    pub features: &'a [Feature],
    /// The entry point of this executable that it is.
    pub entry: &'a str,
    /// Its environment.
    pub env: &'a [(&'a str, &'a str)],
    /// Version that it must report; any where absent.
    pub version: Option<&'a str>,
    /// Text of its file of known deviations.
    pub deviations: Option<&'a str>,
}

impl Stage {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("mpws-stage-").tempdir();
        Self {
            folder: folder.expect("a folder for the stage"),
            files: Vec::new(),
        }
    }

    /// One with the honest peer in its flavours and, where one is named, the mutant in those that
    /// it can have.
    pub fn with_mutant(fault: Option<mutant::Fault>) -> Self {
        let mut stage = Self::new();
        let flavours = [
            ("honest", Some("none")),
            ("mutant", fault.map(mutant::Fault::name)),
        ];
        for (name, fault) in flavours {
            let Some(fault) = fault else { continue };
            let entry = mutant::ENTRY;
            stage.add(&PeerFile {
                name: &format!("{name}-own"),
                features: &[
                    Feature::Script,
                    Feature::Tls,
                    Feature::Deflate,
                    Feature::StandIn,
                ],
                entry,
                env: &[(mutant::FAULT, fault)],
                version: None,
                deviations: None,
            });
            stage.add(&PeerFile {
                name: &format!("{name}-sock"),
                features: &[
                    Feature::Script,
                    Feature::Tls,
                    Feature::Deflate,
                    Feature::SockHandover,
                    Feature::AsyncioLoop,
                    Feature::ConstantByName,
                ],
                entry,
                env: &[(mutant::FAULT, fault), (mutant::HANDOVER, "1")],
                version: None,
                deviations: None,
            });
            let able = mutant::Fault::named(fault).is_none_or(|one| blind::FAULTS.contains(&one));
            if able {
                let name = format!("{name}-blind");
                stage.add_text(&name, &blind::peer_file(&name, fault));
            }
        }
        stage
    }

    /// Adds a peer that is an entry point of this executable.
    pub fn add(&mut self, peer: &PeerFile<'_>) {
        let quoted = |feature: &Feature| format!("{:?}", feature.word());
        let features: Vec<String> = peer.features.iter().map(quoted).collect();
        let mut text = format!(
            "schema = 1\nname = {:?}\nkind = \"adapter\"\nroles = [\"client\", \"server\"]\nfeatures = [{}]\n",
            peer.name,
            features.join(", "),
        );
        if let Some(deviations) = peer.deviations {
            let name = format!("{}-deviations.toml", peer.name);
            fs::write(self.folder.path().join(&name), deviations).expect("a file of deviations");
            let _ = writeln!(text, "deviations = {name:?}");
        }
        let _ = writeln!(text, "\n[command]\nargv = [{:?}]", mpws_lab::reexec::SELF);
        if let Some(version) = peer.version {
            let _ = writeln!(text, "version = {version:?}");
        }
        text.push_str("\n[command.env]\n");
        for (name, value) in peer
            .env
            .iter()
            .chain(&[(mpws_lab::reexec::VARIABLE, peer.entry)])
        {
            let _ = writeln!(text, "{name} = {value:?}");
        }
        self.add_text(peer.name, &text);
    }

    /// Adds a `peer.toml` of this text.
    pub fn add_text(&mut self, name: &str, text: &str) {
        let path = self.folder.path().join(format!("{name}.toml"));
        fs::write(&path, text).expect("a peer file");
        self.files.push(path);
    }

    /// Where evidence goes.
    pub fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// Cells that these selectors select, of all profiles.
    pub fn selection(&self, selectors: &[&str]) -> Selection {
        Selection {
            selectors: Selectors::parse(selectors, &[]).expect("selectors"),
            profile: Profile::Full,
            peer_files: self.files.clone(),
            ..Selection::default()
        }
    }

    /// Options for a run that keeps no evidence.
    pub fn options(&self) -> RunOptions {
        RunOptions {
            jobs: Some(JOBS),
            keep: Keep::None,
            ..RunOptions::into_folder(self.out())
        }
    }

    /// All cells with the peers of this stage and our own.
    ///
    /// # Errors
    ///
    /// When there is no plan.
    pub fn plan(&self) -> Result<Plan, PlanError> {
        Planned::of(self.selection(&[])).map(|planned| planned.plan)
    }

    /// Runs exactly these cells.
    ///
    /// # Errors
    ///
    /// When the run came to no result.
    pub fn run(&self, cells: &[&str], sabotage: Option<Sabotage>) -> Result<RunResult, RunError> {
        let options = RunOptions {
            sabotage,
            ..self.options()
        };
        run(self.selection(cells), &options, &mut |_: RunEvent| {})
    }
}

/// Plans and runs.
///
/// # Errors
///
/// When there is no plan, or the run came to no result.
pub fn run(
    selection: Selection,
    options: &RunOptions,
    tell: &mut dyn FnMut(RunEvent),
) -> Result<RunResult, RunError> {
    mpws_suite::run::run(Planned::of(selection)?, options, tell)
}

/// Cells that one run has at a time. Most of their time is waiting, and several runs are made at
/// once.
const JOBS: usize = 4;

/// Whether this host can have labs. Where it cannot, says why, and fails if everything is expected.
///
/// # Panics
///
/// Where there are no labs and `MPWS_EXPECT_ALL` is `1`.
pub fn can_judge(result: &RunResult) -> bool {
    let lab = &result.host.capabilities[mpws_suite::run::host::LAB];
    if !lab.available {
        skip(&format!("no labs: {}", lab.detail));
    }
    lab.available
}

/// Says why a test does not run; where everything is expected to be there, it fails instead.
///
/// # Panics
///
/// Where `MPWS_EXPECT_ALL` is `1`.
pub fn skip(why: &str) {
    println!("skipped: {why}");
    assert!(
        std::env::var_os("MPWS_EXPECT_ALL").is_none_or(|all| all != "1"),
        "everything is expected to run: {why}"
    );
}
