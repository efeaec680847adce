//! What tshark says.

use std::{
    collections::BTreeMap,
    io::Write,
    process::{Command, Stdio},
};

/// The fields of MPTCP options that are compared, without their common beginning.
pub const FIELDS: [&str; 26] = [
    "subtype",
    "version",
    "flags",
    "backup.flag",
    "checksumreq.flags",
    "extensibility.flag",
    "nomoresubflows.flag",
    "datafin.flag",
    "sendkey",
    "recvkey",
    "recvtok",
    "sendrand",
    "sendtrunchmac",
    "sendhmac",
    "addaddrtrunchmac",
    "rawdataack",
    "rawdataseqno",
    "subflowseqno",
    "datalvllen",
    "echo",
    "ipv4",
    "ipv6",
    "port",
    "addrid",
    "flag_T.flag",
    "rst_reason",
];

/// One packet.
pub struct Frame {
    pub time_ns: u64,
    pub seq: Option<u64>,
    /// Length of the payload; `None` where it is not TCP.
    pub tcp_length: Option<u64>,
    /// Values by field; of all options of the packet, in order.
    pub fields: BTreeMap<&'static str, Vec<String>>,
    /// All TCP options, as they lie there.
    pub options: Vec<u8>,
}

/// Whether tshark is missing; prints so, and fails where everything is expected to be there.
pub fn skip() -> bool {
    let missing = Command::new("tshark").arg("--version").output().is_err();
    if missing {
        println!("skipped: tshark is not installed (Debian: tshark)");
        let expected = std::env::var_os("MPWS_EXPECT_ALL").is_some_and(|value| value == "1");
        assert!(!expected, "tshark is missing although MPWS_EXPECT_ALL=1");
    }
    missing
}

/// All packets of a capture.
pub fn tshark(capture: &[u8]) -> Vec<Frame> {
    let mut names = vec!["frame.time_epoch", "tcp.seq_raw", "tcp.len", "tcp.options"];
    names.extend(FIELDS);
    let arguments = names.iter().enumerate().flat_map(|(index, name)| {
        let own = if index < 4 { "" } else { "tcp.options.mptcp." };
        ["-e".to_owned(), format!("{own}{name}")]
    });
    let output = run(capture, &["-T", "fields", "-E", "aggregator=;"], arguments);
    output.lines().map(frame).collect()
}

/// Whether tshark calls the first packet malformed.
pub fn is_malformed(capture: &[u8]) -> bool {
    run(capture, &["-Y", "_ws.malformed"], []).lines().count() == 1
}

fn frame(line: &str) -> Frame {
    let mut columns = line.split('\t');
    let mut next = || columns.next().unwrap_or_default();
    let (time, seq, length, options) = (next(), next(), next(), next());
    let (seconds, fraction) = time.split_once('.').expect("a time");
    let number = |text: &str| text.parse::<u64>();
    let mut fields = BTreeMap::new();
    for name in FIELDS {
        let values = next().split(';').filter(|value| !value.is_empty());
        let values: Vec<String> = values.map(|value| plain(name, value)).collect();
        if !values.is_empty() {
            fields.insert(name, values);
        }
    }
    Frame {
        time_ns: number(seconds).expect("seconds") * 1_000_000_000
            + number(fraction).expect("nine digits"),
        seq: number(seq).ok(),
        tcp_length: number(length).ok(),
        fields,
        options: hex(options),
    }
}

/// A value without what differs between versions: numbers in decimal, flags as 0 and 1.
fn plain(name: &str, value: &str) -> String {
    match value {
        "True" => "1".to_owned(),
        "False" => "0".to_owned(),
        _ if name == "sendhmac" => value.replace(':', ""),
        _ => value
            .strip_prefix("0x")
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .map_or_else(|| value.to_owned(), |number| number.to_string()),
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|digit| digit.to_digit(16).map(|digit| digit as u8))
        .collect();
    digits
        .chunks_exact(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn run(capture: &[u8], options: &[&str], arguments: impl IntoIterator<Item = String>) -> String {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(capture).expect("it takes the capture");
    let output = Command::new("tshark")
        // Nothing of the user's settings, and no names looked up.
        .env("WIRESHARK_CONFIG_DIR", "/nonexistent")
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .arg("-n")
        .arg("-r")
        .arg(file.path())
        .args(options)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("tshark runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("text")
}
