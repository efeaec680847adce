//! Conversations under TLS, made by rustls in memory and decrypted from its key log.

use std::sync::{Arc, Mutex};

use mpws_codec::websocket::{FrameSpec, accept_key, opcode};
use mpws_trace::{
    Application, Keep, KeyLog, MessageKind, Options, analyse,
    report::{ConnectionReport, FileSummary, Report},
};
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig,
    ServerConnection, SupportedCipherSuite, crypto::ring as provider, pki_types::PrivateKeyDer,
    version,
};

use crate::support::*;

const MASK: [u8; 4] = [1, 2, 3, 4];
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// Key log lines of a connection.
#[derive(Debug, Default)]
struct Lines(Mutex<String>);

impl rustls::KeyLog for Lines {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let hex =
            |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
        let line = format!("{label} {} {}\n", hex(client_random), hex(secret));
        self.0.lock().expect("no panic before").push_str(&line);
    }
}

/// Both ends of a TLS connection over a talk.
struct Secured {
    talk: Talk,
    client: ClientConnection,
    server: ServerConnection,
    lines: Arc<Lines>,
}

impl Secured {
    fn new(suite: SupportedCipherSuite) -> Self {
        let lines = Arc::new(Lines::default());
        let crypto = Arc::new(rustls::crypto::CryptoProvider {
            cipher_suites: vec![suite],
            ..provider::default_provider()
        });
        let versions = [match suite {
            SupportedCipherSuite::Tls12(_) => &version::TLS12,
            SupportedCipherSuite::Tls13(_) => &version::TLS13,
        }];
        let made = rcgen::generate_simple_self_signed(["a".to_owned()]).expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).expect("a root");
        let mut client = ClientConfig::builder_with_provider(crypto.clone())
            .with_protocol_versions(&versions)
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        client.key_log = lines.clone();
        let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let server = ServerConfig::builder_with_provider(crypto)
            .with_protocol_versions(&versions)
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("a server");
        let name = "a".try_into().expect("a name");
        let mut secured = Self {
            talk: Talk::new(),
            client: ClientConnection::new(Arc::new(client), name).expect("a client"),
            server: ServerConnection::new(Arc::new(server)).expect("a server"),
            lines,
        };
        secured.talk.mptcp_handshake();
        while secured.client.is_handshaking() || secured.server.is_handshaking() {
            secured.exchange();
        }
        secured
    }

    /// Brings what each end has to say to the other, over the wire.
    fn exchange(&mut self) {
        let bytes = written(&mut self.client);
        self.cross(Client, &bytes);
        taken(&mut self.server, &bytes);
        let bytes = written(&mut self.server);
        self.cross(Server, &bytes);
        taken(&mut self.client, &bytes);
    }

    fn cross(&mut self, from: Side, bytes: &[u8]) {
        for piece in bytes.chunks(700) {
            self.talk.data(from, piece);
        }
    }

    fn say(&mut self, from: Side, bytes: &[u8]) -> &mut Self {
        use std::io::Write;
        match from {
            Client => self.client.writer().write_all(bytes),
            Server => self.server.writer().write_all(bytes),
        }
        .expect("a buffer takes it");
        self.exchange();
        self
    }

    fn open_websocket(&mut self) -> &mut Self {
        let request = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        );
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            accept_key(KEY)
        );
        self.say(Client, request.as_bytes())
            .say(Server, response.as_bytes())
    }

    fn key_log(&self) -> KeyLog {
        let lines = self.lines.0.lock().expect("no panic before");
        KeyLog::parse(&lines).expect("readable")
    }

    fn report(&self, key_log: Option<KeyLog>) -> ConnectionReport {
        let options = Options {
            key_log,
            ..Options::default()
        };
        let trace = analyse(&self.talk.records);
        let report = Report::of(&trace, FileSummary::default(), &options);
        report.connections.into_iter().next().expect("a connection")
    }
}

fn written<Data>(end: &mut ConnectionCommon<Data>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while end.wants_write() {
        end.write_tls(&mut bytes).expect("a vector takes it");
    }
    bytes
}

fn taken<Data>(end: &mut ConnectionCommon<Data>, mut bytes: &[u8]) {
    use std::io::Read;
    while !bytes.is_empty() {
        end.read_tls(&mut bytes).expect("a slice gives it");
        end.process_new_packets().expect("TLS that fits");
        let mut rest = Vec::new();
        // Nothing more to read now is no end of the stream.
        let _ = end.reader().read_to_end(&mut rest);
    }
}

fn conversation(suite: SupportedCipherSuite) -> Secured {
    let mut secured = Secured::new(suite);
    let long = FrameSpec::new(opcode::BINARY, vec![7; 40_000]).masked(MASK);
    secured
        .open_websocket()
        .say(Client, &long.encode())
        .say(Server, &FrameSpec::new(opcode::TEXT, "hello").encode())
        .say(Server, &FrameSpec::close(1000, "done").encode());
    secured
}

#[test]
fn every_cipher_suite_is_decrypted_with_the_key_log() {
    for suite in provider::ALL_CIPHER_SUITES {
        // The certificate is ECDSA.
        if format!("{:?}", suite.suite()).contains("RSA") {
            continue;
        }
        let secured = conversation(*suite);
        let report = secured.report(Some(secured.key_log()));
        let tls = report.tls.as_ref().expect("TLS");
        assert!(tls.decrypted, "{suite:?}: {tls:?}");
        assert_eq!(report.application, Application::Websocket);
        let facts: Vec<_> = report
            .messages
            .iter()
            .map(|one| (one.kind, one.length, one.complete))
            .collect();
        assert_eq!(
            facts,
            [
                (MessageKind::Binary, 40_000, true),
                (MessageKind::Text, 5, true),
                (MessageKind::Close, 6, true)
            ],
            "{suite:?}"
        );
        assert_eq!(report.violations, []);
        assert!(report.messages[0].carried[0].bytes > 40_000);
    }
}

#[test]
fn without_its_secrets_tls_is_judged_by_its_transport_only() {
    let suite = provider::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let secured = conversation(suite);
    let other = conversation(suite);
    let cases = [
        (None, "no key log was given"),
        (
            Some(other.key_log()),
            "the key log does not have this connection",
        ),
    ];
    for (key_log, obstacle) in cases {
        let report = secured.report(key_log);
        assert_eq!(report.application, Application::Tls);
        let tls = report.tls.expect("TLS");
        assert_eq!(tls.version.as_deref(), Some("1.3"));
        assert_eq!(tls.cipher_suite, Some(0x1301));
        assert_eq!(tls.obstacle.as_deref(), Some(obstacle));
        assert!(report.messages.is_empty());
    }
}

#[test]
fn what_messages_say_under_tls_is_known_with_its_secrets_and_no_message_is_without() {
    let secured = conversation(provider::cipher_suite::TLS13_AES_128_GCM_SHA256);
    let read = |key_log| {
        let options = Options {
            key_log,
            keep: Keep::Digest,
            ..Options::default()
        };
        analyse(&secured.talk.records).connections[0].conversation(&options)
    };
    let open = read(Some(secured.key_log()));
    let lengths: Vec<_> = open
        .messages
        .iter()
        .map(|one| one.content.as_ref().map(|content| content.length))
        .collect();
    assert_eq!(lengths, [Some(40_000), Some(5), Some(6)]);
    assert!(open.messages[1].says_the_same(&open.messages[1].clone()));
    let closed = read(None);
    assert_eq!(closed.application, Application::Tls);
    assert_eq!((closed.messages, closed.handshake), (Vec::new(), None));
}

#[test]
fn keys_that_change_in_mid_stream_are_followed() {
    let mut secured = conversation(provider::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256);
    for text in ["second", "third"] {
        secured.client.refresh_traffic_keys().expect("new keys");
        let frame = FrameSpec::new(opcode::TEXT, text).masked(MASK);
        secured.say(Client, &frame.encode());
    }
    let report = secured.report(Some(secured.key_log()));
    let previews: Vec<_> = report
        .messages
        .iter()
        .filter_map(|one| one.preview.as_deref())
        .collect();
    assert_eq!(previews, ["hello", "second", "third"]);
}

#[test]
fn a_record_with_a_hole_is_passed_over() {
    for suite in [
        provider::cipher_suite::TLS13_AES_256_GCM_SHA384,
        provider::cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ] {
        let mut secured = Secured::new(suite);
        secured.open_websocket();
        let start = secured.talk.records.len();
        let long = FrameSpec::new(opcode::TEXT, "x".repeat(40_000)).masked(MASK);
        let after = FrameSpec::new(opcode::TEXT, "after").masked(MASK);
        secured
            .say(Client, &long.encode())
            .say(Client, &after.encode());
        // Well within the second and the third record; the first has the header of the frame.
        for packet in [start + 30, start + 50] {
            secured.talk.records.remove(packet);
        }
        secured.talk.ack(Server);
        let report = secured.report(Some(secured.key_log()));
        let facts: Vec<_> = report
            .messages
            .iter()
            .map(|one| (one.length, one.complete, one.preview.as_deref()))
            .collect();
        assert_eq!(
            facts,
            [(40_000, false, None), (5, true, Some("after"))],
            "{suite:?}"
        );
        assert_eq!(report.violations, []);
    }
}
