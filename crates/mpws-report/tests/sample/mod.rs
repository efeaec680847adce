//! A run made by hand, with everything that a report has to tell and with hostile text of peers.

use std::collections::BTreeMap;

use mpws_model::Profile;
use mpws_model::bench::Measure;
use mpws_model::claims::{
    ClaimAnswer, ClaimResult, ClaimVerdict, Dependence, HostCondition, Ratio, Says,
};
use mpws_model::result::{
    Capability, CellResult, Check, Control, ControlRole, Evidence, ExpectedDeviation, Finding,
    FindingKind, HostFacts, LeftOut, PeerFacts, Recorded, RunResult, RunsOn, Transport,
    TransportKind, Verdict,
};
use mpws_model::{CellName, Ip, PeerId, Protocol, testing};
use serde_json::json;

/// Text that attacks a terminal, HTML, XML, Markdown and line-based tools at once.
pub const HOSTILE: &str = "\x1b[31mred\x1b[0m</script>]]>\n`code` | **bold** [x](http://h) @you\
    \u{202e}\u{fffe}\0&amp;\u{9b}2J";

/// The run.
pub fn run() -> RunResult {
    let cells = vec![
        cell(
            "echo/text",
            "mpws",
            "py-14-asyncio",
            Protocol::Mptcp,
            Verdict::Pass,
            "every check held",
        ),
        cell(
            "echo/text",
            "mpws",
            "py-14-asyncio",
            Protocol::Tcp,
            Verdict::Pass,
            "every check held",
        ),
        cell(
            "echo/text",
            "py-13-sync",
            "mpws",
            Protocol::Mptcp,
            Verdict::Tolerated,
            "slow, but right",
        ),
        failed(cell(
            "echo/binary",
            "mpws",
            HOSTILE,
            Protocol::Mptcp,
            Verdict::Fail,
            HOSTILE,
        )),
        known(cell(
            "fallback/syn-option-stripped",
            "py-13-sync",
            "mpws",
            Protocol::Mptcp,
            Verdict::Fail,
            "no word of the fallback",
        )),
        cell(
            "fallback/syn-option-stripped",
            "mpws",
            "py-14-asyncio",
            Protocol::Mptcp,
            Verdict::Unsupported,
            "the peer cannot open a socket of its own",
        ),
        cell(
            "subflow/join",
            "mpws",
            "py-14-asyncio",
            Protocol::Mptcp,
            Verdict::Unprovable,
            "no packet socket on this host",
        ),
        cell(
            "subflow/join",
            "py-13-sync",
            "mpws",
            Protocol::Mptcp,
            Verdict::Error,
            "the lab process ended early",
        ),
    ];
    RunResult {
        duration_ms: 83_456,
        host: HostFacts {
            capabilities: BTreeMap::from([
                (
                    "mptcp".to_owned(),
                    Capability {
                        available: true,
                        detail: "yes".to_owned(),
                        remedy: None,
                    },
                ),
                (
                    "tshark".to_owned(),
                    Capability {
                        available: false,
                        detail: "not found in PATH".to_owned(),
                        remedy: Some("apt-get install tshark".to_owned()),
                    },
                ),
            ]),
            ..testing::run(Vec::new()).host
        },
        peers: vec![
            peer("mpws", "0.1.0", "rust"),
            peer("py-13-sync", "13.1", "CPython 3.11.2"),
            peer("py-14-asyncio", "14.2", "CPython 3.11.2"),
            peer(HOSTILE, HOSTILE, HOSTILE),
        ],
        profile: Profile::Full,
        selectors: vec!["echo/*".to_owned(), "`fallback`/*".to_owned()],
        paths: vec!["1:nat,delay=30ms".to_owned()],
        findings: vec![
            Finding {
                text: "py-13-sync does not tell its user that MPTCP fell back.".to_owned(),
                kind: FindingKind::Known,
                cells: vec![cells[4].cell.clone()],
                command: format!("mpws run '{}'", cells[4].cell),
            },
            Finding {
                text: format!("A message came back altered: {HOSTILE}"),
                kind: FindingKind::Unexpected,
                cells: (0..5)
                    .map(|number| name(&format!("echo/binary-{number}"), "mpws", HOSTILE))
                    .collect(),
                command: format!("mpws run '{HOSTILE}'"),
            },
            Finding {
                text: "Closing takes a round trip more over MPTCP.".to_owned(),
                kind: FindingKind::Difference,
                cells: vec![cells[0].cell.clone()],
                command: format!("mpws run '{}'", cells[0].cell),
            },
        ],
        claims: claims(),
        problems: vec![format!("the expectation py-old matches no cell {HOSTILE}")],
        ..testing::run(cells)
    }
}

/// A run in which nothing happened but one cell that passed.
pub fn green() -> RunResult {
    let cells = vec![cell(
        "echo/text",
        "mpws",
        "mpws",
        Protocol::Mptcp,
        Verdict::Pass,
        "every check held",
    )];
    RunResult {
        duration_ms: 83_456,
        host: run().host,
        peers: vec![peer("mpws", "0.1.0", "rust")],
        ..testing::run(cells)
    }
}

fn claims() -> Vec<ClaimResult> {
    let answer = |says, because: &str, case: &str| ClaimAnswer {
        aspect: "the recipe's client".to_owned(),
        says,
        because: because.to_owned(),
        cells: vec![name(case, "py-13-sync", "mpws")],
        verdict: Some(Verdict::Fail),
        recorded: BTreeMap::from([("error".to_owned(), json!(["socket.gaierror[-7]"]))]),
        ratio: None,
    };
    let figure = ClaimAnswer {
        cells: Vec::new(),
        verdict: None,
        recorded: BTreeMap::new(),
        ratio: Some(Ratio {
            measure: Measure::Connect,
            client: "mpws".to_owned(),
            server: "mpws".to_owned(),
            ratio: 1.25,
            rounds: vec![0.75, 1.25, 1.5],
        }),
        ..answer(Says::WithinNoise, "MPTCP/TCP 1.25, rounds 0.75 to 1.50", "")
    };
    let claim = |id: &str, verdict, answers| ClaimResult {
        id: id.to_owned(),
        number: 2,
        statement: "What the article says".to_owned(),
        verdict,
        reason: format!("in one sentence {HOSTILE}"),
        over_tcp: Some(ClaimVerdict::True),
        depends_on: Vec::new(),
        conditions: vec![HostCondition {
            capability: "mptcp-resolver".to_owned(),
            available: Some(false),
            detail: HOSTILE.to_owned(),
        }],
        libc: vec!["glibc 2.36".to_owned()],
        answers,
    };
    let refused = |case| answer(Says::Contradicts, HOSTILE, case);
    vec![
        claim(
            "client-recipe",
            ClaimVerdict::False,
            vec![refused("client/a"), refused("client/b")],
        ),
        ClaimResult {
            depends_on: vec![Dependence {
                aspect: Some("the connection stands later".to_owned()),
                on: "version and implementation".to_owned(),
                holds: vec!["13.1, asyncio".to_owned(), HOSTILE.to_owned()],
                fails: vec!["14.2, sync".to_owned()],
                neither: vec!["15.0, trio".to_owned()],
            }],
            ..claim("slower-setup", ClaimVerdict::ItDepends, vec![figure])
        },
        ClaimResult {
            over_tcp: None,
            conditions: Vec::new(),
            ..claim("debug-log", ClaimVerdict::NotDecided, Vec::new())
        },
        claim("server-recipe", ClaimVerdict::True, Vec::new()),
    ]
}

fn name(case: &str, client: &str, server: &str) -> CellName {
    CellName::new(case, client, server, Protocol::Mptcp, Ip::V4)
}

fn peer(name: &str, version: &str, runtime: &str) -> PeerFacts {
    PeerFacts {
        peer: name.to_owned(),
        id: PeerId {
            family: name.to_owned(),
            version: Some(version.to_owned()),
            implementation: None,
        },
        runs_on: Some(RunsOn {
            runtime: runtime.to_owned(),
            libc: "glibc 2.36".to_owned(),
        }),
    }
}

fn cell(
    case: &str,
    client: &str,
    server: &str,
    asked: Protocol,
    verdict: Verdict,
    reason: &str,
) -> CellResult {
    let model = testing::cell_with(&format!("{case}@client:server/{asked}/v4"), verdict, reason);
    CellResult {
        // Names of peers are not checked here: some attack.
        cell: CellName::new(case, client, server, asked, Ip::V4),
        client: client.to_owned(),
        server: server.to_owned(),
        control: Control {
            role: ControlRole::Subject,
            differs: Some(false),
            ..Control::NONE
        },
        transport: Transport {
            kind: TransportKind::Mptcp,
            cause: None,
            subflows: Some(1),
        },
        duration_ms: 1_234,
        recorded: BTreeMap::from([("close-code".to_owned(), Recorded::steady(1000))]),
        ..model
    }
}

fn failed(mut cell: CellResult) -> CellResult {
    cell.checks.push(Check {
        name: "payload".to_owned(),
        expected: "sent bytes".to_owned(),
        observed: HOSTILE.to_owned(),
        held: false,
    });
    cell.evidence = Evidence {
        folder: Some("cells/0004".to_owned()),
        files: vec!["capture.pcapng".to_owned()],
        wire: vec!["MP_CAPABLE in SYN, SYN/ACK and third ACK".to_owned()],
        kernel: vec!["client: mptcp, 1 subflow".to_owned()],
        peer: vec![HOSTILE.to_owned()],
        contradictions: vec!["the peer says TCP, the wire says MPTCP".to_owned()],
    };
    cell
}

fn known(mut cell: CellResult) -> CellResult {
    cell.expected = vec![ExpectedDeviation {
        by_chance: false,
        id: "py-silent-fallback".to_owned(),
        reason: "websockets has no API for it".to_owned(),
    }];
    cell
}

/// Two peers that do not exist for the Python of a run.
pub fn left_out() -> Vec<LeftOut> {
    let reason = "lib 9 exists for Python >=3.14 only, and this is <script>";
    ["lib-9-sync", "lib-9-trio"]
        .map(|peer| testing::left_out(peer, reason))
        .into()
}
