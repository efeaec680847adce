//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use mpws_fixture::deflate::{Offer, Preferences};
use mpws_lab::preset::OnPath;
use mpws_peers::image::Base;
use mpws_suite::case::Profile;
use mpws_suite::run::{Keep, LauncherKind};

use crate::{deflate, exit};

/// Proves, cell by cell, whether a WebSocket stack works over Multipath TCP.
#[derive(Debug, Parser)]
#[command(name = "mpws", version, after_help = with_exit_codes(MAIN_EXAMPLES))]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run cells and judge them.
    Run(Run),
    /// List cases, peers or cells.
    List(List),
    /// Make the support matrix of results: versions against families, with evidence.
    Matrix(Matrix),
    /// Tell all about a case or a claim.
    Explain(Explain),
    /// List middleboxes and link qualities for `run --path`.
    Presets(Presets),
    /// Tell what this host can prove, and how to get the rest.
    Doctor(Doctor),
    /// Make, list and remove the images in which peers run as containers.
    Peers(Peers),
    /// Measure MPTCP beside TCP, with the transport of each connection proven.
    Bench(Bench),
    /// Serve WebSocket over MPTCP by hand, and tell what the kernel says of each connection.
    Serve(Serve),
    /// Connect to a WebSocket server over MPTCP by hand, and tell what the kernel says.
    Connect(Connect),
    /// Tell what captures show: transport, subflows, WebSocket messages, broken rules.
    Check(Check),
    /// Judge the evidence of an earlier run again, and tell what differs.
    Judge(Judge),
}

/// Which cells.
#[derive(Args, Clone, Debug)]
pub struct Selection {
    /// Names, prefixes that end at a `/` or `@`, or globs of cells; `claims` or `claims/ID` for the
    /// cells behind claims; all where there is none.
    #[arg(value_name = "SELECTOR")]
    pub selectors: Vec<String>,
    /// How much is covered; a larger profile holds all of a smaller one.
    #[arg(long, value_name = "PROFILE", default_value_t, value_parser = one_of(&PROFILES))]
    pub profile: Profile,
    /// Only these peers, by name or glob, paired with the fixture and each other. Repeatable.
    #[arg(long = "peer", value_name = "NAME")]
    pub peers: Vec<String>,
    /// Every pinned version of a library, against the fixture and its neighbours, and nobody else;
    /// or `foreign`: other people's programs, against the fixture.
    #[arg(long, value_name = "NAME")]
    pub matrix: Option<String>,
    /// A peer of your own, described in a peer.toml file. Repeatable.
    #[arg(long = "peer-file", value_name = "FILE")]
    pub peer_files: Vec<PathBuf>,
}

/// `mpws run`.
#[derive(Args, Debug)]
#[command(after_help = with_exit_codes(RUN_EXAMPLES))]
pub struct Run {
    /// Which cells.
    #[command(flatten)]
    pub selection: Selection,
    /// What stands on a path and how its link is, in every cell that has the path, beside what the
    /// case does; `mpws presets` shows what there is. Repeatable.
    #[arg(long = "path", value_name = "N:CONDITION,...")]
    pub paths: Vec<String>,
    /// Cells that run at a time; by default the runner chooses by the processors.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub jobs: Option<u16>,
    /// How peers run: as processes, or in containers (docs/containers.md; needs root and
    /// Docker Engine). Images that are missing are built first.
    #[arg(long, value_name = "KIND", default_value = "process", value_parser = one_of(&LAUNCHERS))]
    pub launcher: LauncherKind,
    /// What the images of containers stand on: debian11, debian12, debian13, sid, or
    /// image:REFERENCE for an image with Python that the engine has.
    #[arg(long, value_name = "BASE", default_value = "debian12")]
    pub base: Base,
    /// Folder for result.json, junit.xml, summary.md and the evidence.
    #[arg(long, value_name = "DIR", default_value = "mpws-results")]
    pub out: PathBuf,
    /// Go on where an earlier run into the same folder was stopped, by Ctrl-C, a kill or a power
    /// cut. The program, the peers, the kernel, --path and --keep must be those of that run.
    #[arg(long)]
    pub resume: bool,
    /// Which cells keep their captures, transcripts and logs.
    #[arg(long, default_value_t, value_parser = one_of(&EVIDENCE))]
    pub keep: Keep,
    /// Folder for the pinned environments of peers; by default $MPWS_STATE, target/mpws of a
    /// checkout that has been built, or the user's cache folder.
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// List the cells instead of running them.
    #[arg(long)]
    pub list: bool,
}

/// `mpws list`.
#[derive(Args, Debug)]
#[command(after_help = LIST_EXAMPLES)]
pub struct List {
    /// What to list.
    #[command(flatten)]
    pub what: ListWhat,
    /// Which cells; also narrows cases and peers to those that have one.
    #[command(flatten)]
    pub selection: Selection,
}

/// What to list; cases where nothing is said.
#[derive(Args, Clone, Copy, Debug)]
#[group(multiple = false)]
pub struct ListWhat {
    /// Cases: what is put to the test.
    #[arg(long = "cases", id = "list-cases")]
    pub cases: bool,
    /// Peers: the programs under test.
    #[arg(long = "peers", id = "list-peers")]
    pub peers: bool,
    /// Cells: each case with each pair of peers.
    #[arg(long = "cells", id = "list-cells")]
    pub cells: bool,
    /// Sections of the RFCs, interfaces of the kernel and pages of libraries, each with the cases
    /// that answer to it, of all profiles; sections that no case answers to are listed as such.
    #[arg(long = "requirements", id = "list-requirements")]
    pub requirements: bool,
    /// Features: what a `peer.toml` can say that its peer can do, or cannot.
    #[arg(long = "features", id = "list-features")]
    pub features: bool,
}

/// `mpws matrix`.
#[derive(Args, Debug)]
#[command(after_help = MATRIX_EXAMPLES)]
pub struct Matrix {
    /// `result.json` of a run that came to its end; several are put together.
    #[arg(value_name = "RESULT", required = true)]
    pub results: Vec<PathBuf>,
    /// Folder for support-matrix.json and support-matrix.md.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
}

/// `mpws explain`.
#[derive(Args, Debug)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub struct Explain {
    /// Name of the case, as `mpws list` shows it, or of one of its cells; or of a claim,
    /// `claims/ID`.
    #[arg(value_name = "CASE")]
    pub case: String,
}

/// `mpws presets`.
#[derive(Args, Debug)]
#[command(after_help = PRESETS_EXAMPLES)]
pub struct Presets {
    /// Names of presets; all presets, and all keys, where there is none.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
}

/// `mpws doctor`.
#[derive(Args, Debug)]
#[command(after_help = DOCTOR_EXAMPLES)]
pub struct Doctor {
    /// Folder for the pinned environments of peers; by default $MPWS_STATE, target/mpws of a
    /// checkout that has been built, or the user's cache folder.
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// `mpws peers`.
#[derive(Args, Debug)]
#[command(after_help = PEERS_EXAMPLES)]
pub struct Peers {
    /// What to do.
    #[command(subcommand)]
    pub command: PeersCommand,
}

/// What to do with images.
#[derive(Debug, Subcommand)]
pub enum PeersCommand {
    /// Make the images of peers, and the bases that they stand on, where they are not there yet.
    Build(PeersBuild),
    /// List the images that are there, and whether they are what would be built now.
    List(PeersList),
    /// Remove all containers, running or not, images and volumes that mpws has made, and nothing
    /// else.
    Clean(PeersClean),
}

/// `mpws peers build`.
#[derive(Args, Debug)]
#[command(after_help = PEERS_BUILD_EXAMPLES)]
pub struct PeersBuild {
    /// Peers by name or glob, or library and version such as websockets-13.1; those of an ordinary
    /// run where there is none. All implementations of a version share an image.
    #[arg(value_name = "PEER")]
    pub peers: Vec<String>,
    /// What the images stand on: debian11, debian12, debian13 or sid, made of Debian packages
    /// (needs root and mmdebstrap); or image:REFERENCE, an image with Python 3.9 or later that the
    /// engine has. Repeatable.
    #[arg(long = "base", value_name = "BASE", default_value = "debian12")]
    pub bases: Vec<Base>,
    /// A peer of your own, described in a peer.toml file. Repeatable.
    #[arg(long = "peer-file", value_name = "FILE")]
    pub peer_files: Vec<PathBuf>,
    /// Folder for the pinned packages; by default $MPWS_STATE, target/mpws of a checkout that has
    /// been built, or the user's cache folder.
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// `mpws peers list`.
#[derive(Args, Debug)]
#[command(after_help = PEERS_LIST_EXAMPLES)]
pub struct PeersList {
    /// For machines (docs/schemas/images.schema.json).
    #[arg(long)]
    pub json: bool,
    /// A peer of your own, described in a peer.toml file: its images are current or not as well.
    /// Repeatable.
    #[arg(long = "peer-file", value_name = "FILE")]
    pub peer_files: Vec<PathBuf>,
    /// Folder for the pinned packages, as for `build`.
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// `mpws peers clean`.
#[derive(Args, Debug)]
#[command(after_help = PEERS_CLEAN_EXAMPLES)]
pub struct PeersClean {
    /// Folder for the pinned packages, as for `build`; it is left as it is.
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// `mpws bench`.
#[derive(Args, Debug)]
#[command(after_help = with_exit_codes(BENCH_EXAMPLES))]
pub struct Bench {
    /// Peers by name or glob; the fixture with itself where there is none. A client that is not the
    /// fixture is measured by the wire's time stamps, as far as they can show it.
    #[arg(value_name = "CLIENT:SERVER")]
    pub pairs: Vec<String>,
    /// The fixture's client with every server of the catalogue.
    #[arg(long, value_enum, value_name = "WHICH")]
    pub peers: Option<BenchPeers>,
    /// A peer of your own, described in a peer.toml file. Repeatable.
    #[arg(long = "peer-file", value_name = "FILE")]
    pub peer_files: Vec<PathBuf>,
    /// Only these measures: connect, upgrade, latency, bulk, aggregation, failover, or one of them
    /// in full, such as bulk-up.
    #[arg(long, value_name = "MEASURE", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Rounds of each measure, each over MPTCP and then over TCP; those over two paths have at
    /// most 2.
    #[arg(long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=50))]
    pub rounds: u32,
    /// About a tenth of the volume, for a first look.
    #[arg(long)]
    pub quick: bool,
    /// Condition of path 1 or 2, such as 1:rate=20mbit,delay=30ms. Path 1 is in every measure, path
    /// 2 in aggregation and failover, where both are by default rate=50mbit,delay=10ms,queue=250kb.
    /// Repeatable.
    #[arg(long = "path", value_name = "N:CONDITION")]
    pub paths: Vec<OnPath>,
    /// From which the contents of messages are made.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Folder for bench.json, the charts and the histograms.
    #[arg(long, value_name = "DIR", default_value = "mpws-bench")]
    pub out: PathBuf,
    /// Folder for the pinned environments of peers; by default $MPWS_STATE, target/mpws of a
    /// checkout that has been built, or the user's cache folder.
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// Which servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BenchPeers {
    /// Every server that speaks the adapter protocol.
    All,
}

/// `mpws serve`.
#[derive(Args, Debug)]
#[command(after_help = SERVE_EXAMPLES)]
pub struct Serve {
    /// Address and port to listen on; port 0 lets the system choose.
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: SocketAddr,
    /// Which protocol to ask for.
    #[arg(long, value_enum, default_value_t)]
    pub policy: Policy,
    /// Certificate chain (PEM): serve wss.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key (PEM) of the certificate.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Serve wss with a certificate made on the spot; its authority is written to this file, for
    /// `mpws connect --ca`.
    #[arg(long, value_name = "CA-FILE", conflicts_with = "tls_cert")]
    pub tls_self_signed: Option<PathBuf>,
    /// Accept permessage-deflate; ask for these parameters, by `;`.
    #[arg(long, value_name = "PARAMETERS", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "", value_parser = deflate::preferences)]
    pub deflate: Option<Preferences>,
    /// What to do with each connection.
    #[arg(long, value_enum, default_value_t)]
    pub behaviour: Behaviour,
}

/// Which protocol to ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// MPTCP or nothing: a connection that is not or no longer MPTCP is refused.
    Require,
    /// MPTCP, and TCP where it cannot be had.
    #[default]
    Prefer,
    /// TCP.
    Never,
}

/// What the server does with each connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Behaviour {
    /// Every message comes back unchanged.
    #[default]
    Echo,
    /// Every message is answered with two messages.
    AnswerTwice,
    /// Every second message is answered.
    AnswerPairs,
    /// The first message is answered with a close frame, code 1000.
    Close,
    /// An echo that changes a byte of every message, to try whether a client notices.
    FaultyAlter,
    /// An echo that leaves out every third message.
    FaultyDrop,
    /// An echo that answers every third message twice.
    FaultyDouble,
    /// An echo that answers in pairs, the second message first.
    FaultyReorder,
}

/// `mpws judge`.
#[derive(Args, Debug)]
#[command(after_help = with_exit_codes(JUDGE_EXAMPLES))]
pub struct Judge {
    /// Folder of an earlier run, or its result.json. The evidence lies beside it.
    #[arg(value_name = "RESULTS")]
    pub results: PathBuf,
    /// Print JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

/// `mpws connect`.
#[derive(Args, Debug)]
#[command(after_help = CONNECT_EXAMPLES)]
pub struct Connect {
    /// `ws://` or `wss://` URL.
    #[arg(value_name = "URL")]
    pub url: String,
    /// Which protocol to ask for.
    #[arg(long, value_enum, default_value_t)]
    pub policy: Policy,
    /// Certificates (PEM) to trust, for wss.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Offer permessage-deflate, with these parameters, by `;`.
    #[arg(long, value_name = "PARAMETERS", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "client_max_window_bits", value_parser = deflate::offer)]
    pub deflate: Option<Offer>,
    /// Text message to send; without any, each line of standard input is one. Repeatable.
    #[arg(long = "message", value_name = "TEXT")]
    pub messages: Vec<String>,
    /// How often the messages are sent.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "messages")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub count: u32,
    /// Milliseconds between two messages.
    #[arg(long, value_name = "MS", default_value_t = 0, requires = "messages")]
    pub interval: u64,
    /// Milliseconds to wait for the connection and for each answer.
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    pub timeout: u64,
}

/// `mpws check`.
#[derive(Args, Debug)]
#[command(after_help = with_exit_codes(CHECK_EXAMPLES))]
pub struct Check {
    /// Captures, pcap or pcapng; `-` is standard input.
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// For machines: one JSON document a line, one for each file
    /// (docs/schemas/capture.schema.json).
    #[arg(long)]
    pub json: bool,
    /// Leave the timeline out.
    #[arg(long, conflicts_with = "json")]
    pub summary: bool,
    /// Secrets of TLS connections, as SSLKEYLOGFILE makes programs write them.
    #[arg(long, value_name = "FILE")]
    pub keylog: Option<PathBuf>,
    /// Only connections with this port at one end. Repeatable.
    #[arg(long = "port", value_name = "N")]
    pub ports: Vec<u16>,
}

/// Words of the command line for values of a type that knows nothing of it: word, value, help.
type Words<T> = [(&'static str, T, &'static str)];

const PROFILES: [(&str, Profile, &str); 2] = [
    ("default", Profile::Default, "What one runs at each change"),
    (
        "full",
        Profile::Full,
        "Everything, the cases that take long or much data included",
    ),
];

const LAUNCHERS: [(&str, LauncherKind, &str); 2] = [
    (
        "process",
        LauncherKind::Process,
        "As processes in the hosts of a lab",
    ),
    (
        "container",
        LauncherKind::Container {
            base: Base::Debian12,
        },
        "In containers; the fixture stays a process",
    ),
];

const EVIDENCE: [(&str, Keep, &str); 3] = [
    ("red", Keep::Red, "Those that are not green"),
    ("all", Keep::All, "All"),
    ("none", Keep::None, "None"),
];

/// Reads one of these words.
fn one_of<T: Clone + Send + Sync>(
    words: &'static Words<T>,
) -> impl TypedValueParser<Value = T> + 'static {
    let possible = words
        .iter()
        .map(|(word, _, help)| PossibleValue::new(*word).help(*help));
    PossibleValuesParser::new(possible).try_map(|given| {
        let mut all = words.iter();
        let found = all.find(|(word, _, _)| *word == given);
        found
            .map(|(_, value, _)| value.clone())
            .ok_or("not a word of this list")
    })
}

fn with_exit_codes(examples: &str) -> String {
    format!("{examples}\n\n{}", exit::HELP)
}

const MAIN_EXAMPLES: &str = "\
Examples:
  mpws doctor                  what can this host prove?
  mpws run                     everything
  mpws run 'fallback/*'        one family
  mpws explain CASE            what is a case about?
  mpws COMMAND --help          more examples";

const RUN_EXAMPLES: &str = "\
Examples:
  mpws run                                   all cells of all peers
  mpws run --profile full                    the long cases as well
  mpws run fallback/                         one family
  mpws run 'negotiation/*@*:websockets-14*'  cells by glob (mind the shell's quotes)
  mpws run --peer 'websockets-13*'           one library, against the fixture and itself
  mpws run --matrix websockets               every version of a library
  mpws run --matrix foreign failover/        other people's programs
  mpws run --peer-file my/peer.toml          a program of your own
  mpws run --keep all --out results          keep the captures of green cells too
  mpws run --launcher container              peers in containers on Debian 12
  mpws run --launcher container --base sid   the same on Debian unstable, with the newest glibc
  mpws run --list fallback/                  which cells would that be?
  mpws run claims                            a well-known article, claim by claim (docs/claims.md)
  mpws run claims/client-recipe              one of its claims
  mpws run negotiation/ --path 1:nat,delay=30ms   all under NAT on a slow link

Ctrl-C stops the run and writes the results so far; a second Ctrl-C ends it at once. The same command
with --resume goes on from there.";

const LIST_EXAMPLES: &str = "\
Examples:
  mpws list                       cases, one a line
  mpws list --peers               peers and what they are
  mpws list --cells fallback/     cells of a family
  mpws list --profile full        the long cases as well
  mpws list --cells claims/same-version    cells behind a claim
  mpws list --cells | wc -l       how many cells are there?
  mpws list --requirements        which section of an RFC is covered by which cases?";

const MATRIX_EXAMPLES: &str = "\
Examples:
  mpws matrix results/result.json --out docs                 of one run, such as one with --matrix
  mpws matrix processes/result.json containers/result.json   of several";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  mpws explain fallback/syn-option-stripped   a case
  mpws explain claims/client-recipe           a claim of the published recipe";

const PRESETS_EXAMPLES: &str = "\
Examples:
  mpws presets                                 all, and the keys that they are made of
  mpws presets nat strip-syn                   only these
  mpws run --path 1:strip-syn                  a preset
  mpws run --path 1:nat,rate=20mbit,delay=30ms a preset and keys, in this order on the path";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  mpws doctor                     exit code 3 if cells cannot be shown on this host at all";

const PEERS_EXAMPLES: &str = "\
Examples:
  mpws peers build                     the peers of an ordinary run, on Debian 12
  mpws peers list                      what is there, how large, current or stale
  mpws peers clean                     all of it goes";

const PEERS_BUILD_EXAMPLES: &str = "\
Examples:
  mpws peers build                                            what an ordinary run needs, on Debian 12
  mpws peers build websockets-13.1 --base debian11 --base sid one version, on two C libraries
  mpws peers build 'websockets-*'                             every pinned version
  mpws peers build node-ws libwebsockets                      blind peers, with their Debian packages
  mpws peers build --base image:python:3.13-slim              on an ordinary image (docker pull it first)

The exit code is 1 when a version does not exist for the Python of a base, and 3 when this host cannot make
images. What is there is not made again. docs/containers.md tells more.";

const PEERS_LIST_EXAMPLES: &str = "\
Examples:
  mpws peers list
  mpws peers list --json | jq -r '.images[] | select(.condition == \"stale\") | .reference'";

const PEERS_CLEAN_EXAMPLES: &str = "\
Examples:
  mpws peers clean

It stops runs with containers that are going on. The exit code is 1 when an image had to stay.";

const BENCH_EXAMPLES: &str = "\
Examples:
  mpws bench                                     the fixture with itself, under a minute
  mpws bench --quick                             a first look
  mpws bench --peers all --only latency          the fixture with each server
  mpws bench fixture:websockets-14.2-asyncio     one server
  mpws bench 'websockets-14.2-*:fixture'         clients, by the wire's time stamps
  mpws bench --only aggregation,failover         what a second path is worth
  mpws bench --only latency,bulk --path 1:rate=20mbit,delay=30ms

Ctrl-C ends the row that runs after the rounds that it has, and writes what there is; a second Ctrl-C
ends it at once. docs/bench.md tells what the figures mean.";

const SERVE_EXAMPLES: &str = "\
Examples:
  mpws serve --listen 127.0.0.1:8765
  mpws serve --listen '[::]:8765' --policy require
  mpws serve --listen 127.0.0.1:8765 --tls-self-signed ca.pem
  mpws serve --listen 127.0.0.1:8765 --deflate='server_no_context_takeover; client_max_window_bits=10'
  mpws serve --listen 127.0.0.1:8765 --behaviour faulty-drop

It prints `ready ws://ADDR:PORT` once it listens, and ends with Ctrl-C.";

const CHECK_EXAMPLES: &str = "\
Examples:
  mpws check capture.pcapng                       all that it shows
  mpws check --port 8765 --summary a.pcap b.pcap  who fell back, and why?
  mpws check --json capture.pcap | jq '.connections[].transport'
  mpws check --keylog keys.log wss.pcapng         what was said within TLS
  tcpdump -w - -i any tcp port 8765 | mpws check -

The capture need not come from mpws. Take it where all subflows pass, with whole packets.";

const JUDGE_EXAMPLES: &str = "\
Examples:
  mpws judge results                              does this version come to the same verdicts?
  mpws run --keep all --out results               before it, so that green cells have evidence too
  mpws judge results/result.json --json | jq -r '.differences[].cell'

A cell is judged by the testimony.json and capture.pcapng in its folder of evidence; captures are read anew. The exit
code is 1 when a judgement differs from that of the result, and 2 when no cell has evidence.";

const CONNECT_EXAMPLES: &str = "\
Examples:
  mpws connect ws://127.0.0.1:8765 --message hello
  mpws connect ws://127.0.0.1:8765 --message ping --count 10 --interval 500
  mpws connect wss://127.0.0.1:8765 --ca ca.pem --policy require --message hello
  mpws connect ws://127.0.0.1:8765 --deflate=server_max_window_bits=10 --message hello
  seq 5 | mpws connect ws://127.0.0.1:8765";
