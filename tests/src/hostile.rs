//! Peers that misbehave as processes: they hang, die, flood, babble, or say the wrong thing about
//! themselves.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use mpws_peers::protocol::{Adapter, Answer, Hello, Request, Response};

use crate::mutant::converse;
use crate::mutant::honest::Honest;

/// Name of the entry point.
pub const ENTRY: &str = "hostile-peer";

/// The variable that names the misdeed.
pub const MISDEED: &str = "MPWS_HOSTILE";

mpws_lab::reexec!(ENTRY, run);

/// One way to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misdeed {
    /// Never connects to the suite.
    HangsAtStart,
    /// Exits with status 3 before its first line.
    DiesAtStart,
    /// Its first line is none of the protocol.
    Babbles,
    /// Speaks version 2 of the protocol.
    OtherProtocol,
    /// Reports version 2.0 of itself.
    OtherVersion,
    /// Answers `unsupported` to everything.
    KnowsNothing,
    /// Answers `ok` to everything.
    KnowsEverything,
    /// Exits with status 7 when it is asked about a connection.
    DiesInCall,
    /// Is killed by a signal, as by a fault of its own, when it is asked about a connection.
    CrashesInCall,
    /// Never answers when it is asked about a connection.
    HangsInCall,
    /// Answers what does not fit the schema when it is asked about a connection.
    BabblesInCall,
    /// Writes to its log without end, and works.
    FloodsLog,
    /// Starts a program that outlives it, and works.
    LeavesChild,
}

impl Misdeed {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::HangsAtStart,
        Self::DiesAtStart,
        Self::Babbles,
        Self::OtherProtocol,
        Self::OtherVersion,
        Self::KnowsNothing,
        Self::KnowsEverything,
        Self::DiesInCall,
        Self::CrashesInCall,
        Self::HangsInCall,
        Self::BabblesInCall,
        Self::FloodsLog,
        Self::LeavesChild,
    ];

    /// The word for it in the environment.
    pub fn word(self) -> String {
        format!("{self:?}")
    }
}

/// The honest peer with a misdeed.
#[derive(Debug)]
struct Hostile {
    misdeed: Misdeed,
    honest: Honest,
}

impl Adapter for Hostile {
    fn hello(&self) -> Hello {
        let mut hello = self.honest.hello();
        match self.misdeed {
            Misdeed::OtherProtocol => hello.protocol = 2,
            Misdeed::OtherVersion => hello.version = "2.0".to_owned(),
            _ => {}
        }
        hello
    }

    async fn handle(&self, request: Request) -> Response {
        let asked = request.op == "connection.facts";
        let answer = match self.misdeed {
            Misdeed::KnowsNothing => Answer::Unsupported("no idea".to_owned()),
            Misdeed::KnowsEverything => Answer::Ok(serde_json::json!({})),
            Misdeed::DiesInCall if asked => {
                eprintln!("these are my last words");
                std::process::exit(7);
            }
            Misdeed::CrashesInCall if asked => std::process::abort(),
            Misdeed::HangsInCall if asked => std::future::pending().await,
            Misdeed::BabblesInCall if asked => Answer::Ok("all is well".into()),
            _ => return self.honest.handle(request).await,
        };
        Response {
            id: request.id,
            elapsed_us: 1,
            answer,
        }
    }
}

fn run() -> i32 {
    let word = std::env::var(MISDEED).unwrap_or_default();
    let found = Misdeed::ALL.into_iter().find(|one| one.word() == word);
    let Some(misdeed) = found else {
        eprintln!("{MISDEED} names no misdeed: {word:?}");
        return 2;
    };
    match misdeed {
        Misdeed::HangsAtStart => loop {
            std::thread::park();
        },
        Misdeed::DiesAtStart => {
            eprintln!("I give up");
            return 3;
        }
        Misdeed::Babbles => return babble(),
        Misdeed::FloodsLog => drop(std::thread::spawn(flood)),
        Misdeed::LeavesChild => {
            if let Err(error) = std::process::Command::new("sleep").arg("600").spawn() {
                eprintln!("no child: {error}");
                return 2;
            }
        }
        _ => {}
    }
    let honest = Honest::new(false);
    match converse(Hostile { misdeed, honest }) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("hostile-peer: {error}");
            1
        }
    }
}

/// Connects and says what is no greeting, with bytes that would spoil a terminal.
fn babble() -> i32 {
    let Some(path) = std::env::var_os("MPWS_CONTROL") else {
        return 2;
    };
    let said = UnixStream::connect(path).and_then(|mut control| {
        control.write_all(b"\x1b[2J\xff\xfe hello there\n")?;
        std::thread::sleep(Duration::from_secs(1));
        Ok(())
    });
    i32::from(said.is_err())
}

fn flood() {
    let line = [b'x'; 1000];
    let mut output = std::io::stderr().lock();
    while output
        .write_all(&line)
        .and_then(|()| output.write_all(b"\n"))
        .is_ok()
    {}
}
