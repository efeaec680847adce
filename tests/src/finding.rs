//! The pages of `docs/findings`: each says what its reproduction prints, and a test runs it and
//! compares.
//!
//! A page holds what is printed in fenced blocks whose info string begins with `text output`, one
//! for each surrounding in which the reproduction is to be run:
//!
//! | word | meaning |
//! |---|---|
//! | `peer=picows-2.3.1-plain` | with the pinned packages of this peer in Python |
//! | `websockets=13.1` | the same as `peer=websockets-13.1-legacy` |
//! | `program=mptcpize` | only where this program is in `PATH` |
//! | `resolver=refuses`, `resolver=accepts` | only where getaddrinfo() treats protocol 262 like this |
//! | `kernel>=6.14` | only on this kernel or a later one |
//! | `with=PATH` | with this file of the repository as its argument |

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use mpws_peers::catalogue::Program;
use mpws_peers::{Catalogue, StateFolder};

/// A page with its reproduction.
#[derive(Clone, Debug)]
pub struct Page {
    /// Name of its folder.
    pub name: String,
    /// Its text.
    pub text: String,
    /// The reproduction.
    pub program: PathBuf,
    /// What the page says is printed.
    pub blocks: Vec<Block>,
}

/// What is printed in one surrounding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// Peer of the catalogue with whose packages it is run, where it needs any.
    pub peer: Option<String>,
    /// Programs that must be installed.
    pub programs: Vec<String>,
    /// Whether getaddrinfo() must accept protocol 262, where that matters.
    pub resolver: Option<bool>,
    /// Oldest kernel, major and minor, where that matters.
    pub kernel: Option<(u32, u32)>,
    /// Argument, relative to the repository.
    pub with: Option<String>,
    /// The lines.
    pub lines: Vec<String>,
}

/// What this host is, as far as blocks ask.
#[derive(Clone, Copy, Debug)]
pub struct Here {
    /// Whether MPTCP sockets can be made.
    pub mptcp: bool,
    /// Whether getaddrinfo() accepts protocol 262.
    pub resolver: bool,
    /// Major and minor version of the kernel.
    pub kernel: (u32, u32),
}

/// Every page of the repository, by name.
///
/// # Errors
///
/// When a page cannot be read, or has a block that cannot be understood.
pub fn pages() -> Result<Vec<Page>, String> {
    let folder = repository().join("docs/findings");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{folder:?}: {error}"))?;
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        // What tools leave behind, such as .ruff_cache.
        .filter(|name| !name.starts_with(['.', '_']))
        .collect();
    names.sort();
    names.into_iter().map(|name| page(&folder, name)).collect()
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What this host is.
pub fn here() -> Here {
    let known = mpws_suite::run::doctor(None);
    let has = |name: &str| known.iter().any(|one| one.0 == name && one.1.available);
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Here {
        mptcp: has("mptcp-socket-v4") && has("mptcp-socket-v6"),
        resolver: has("mptcp-resolver"),
        kernel: version(&release).unwrap_or_default(),
    }
}

/// The blocks of a page.
///
/// # Errors
///
/// When a word of an info string is not known, or a block does not end.
pub fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(words) = line.strip_prefix("```text output") else {
            continue;
        };
        let mut block = Block::default();
        for word in words.split_whitespace() {
            block.take(word)?;
        }
        loop {
            match lines.next() {
                Some("```") => break,
                Some(line) => block.lines.push(line.to_owned()),
                None => return Err("a block does not end".to_owned()),
            }
        }
        blocks.push(block);
    }
    Ok(blocks)
}

impl Block {
    fn take(&mut self, word: &str) -> Result<(), String> {
        let unknown = || format!("`{word}` is no word of a block");
        if let Some(release) = word.strip_prefix("kernel>=") {
            self.kernel = Some(version(release).ok_or_else(unknown)?);
            return Ok(());
        }
        match word.split_once('=').ok_or_else(unknown)? {
            ("peer", name) => self.peer = Some(name.to_owned()),
            ("websockets", release) => self.peer = Some(format!("websockets-{release}-legacy")),
            ("program", name) => self.programs.push(name.to_owned()),
            ("with", path) => self.with = Some(path.to_owned()),
            ("resolver", "refuses") => self.resolver = Some(false),
            ("resolver", "accepts") => self.resolver = Some(true),
            _ => return Err(unknown()),
        }
        Ok(())
    }

    /// Why it is not for this host; `None` where it is.
    pub fn unfit(&self, here: Here) -> Option<String> {
        if !here.mptcp {
            return Some("there are no MPTCP sockets here".to_owned());
        }
        if self.resolver.is_some_and(|due| due != here.resolver) {
            return Some("the resolver of this C library does otherwise".to_owned());
        }
        if let Some(due) = self.kernel.filter(|due| here.kernel < *due) {
            return Some(format!("the kernel is older than {}.{}", due.0, due.1));
        }
        let missing = self.programs.iter().find(|program| !in_path(program));
        missing.map(|program| format!("the program `{program}` is not installed"))
    }

    /// A name for the block within its page.
    pub fn name(&self) -> String {
        let resolver = self.resolver.map(|accepts| {
            let word = if accepts { "accepts" } else { "refuses" };
            format!("resolver-{word}")
        });
        let words: Vec<String> = self.peer.iter().cloned().chain(resolver).collect();
        if words.is_empty() {
            "alone".to_owned()
        } else {
            words.join("-")
        }
    }

    /// Compares what was printed with what the page says, line by line.
    ///
    /// # Errors
    ///
    /// The first line that differs.
    pub fn compare(&self, printed: &str) -> Result<(), String> {
        let printed: Vec<&str> = printed.lines().collect();
        for number in 0..printed.len().max(self.lines.len()) {
            let said = self.lines.get(number).map(String::as_str);
            let seen = printed.get(number).copied();
            if said != seen {
                let shown =
                    |line: Option<&str>| line.map_or("nothing".to_owned(), |l| format!("{l:?}"));
                let (said, seen, line) = (shown(said), shown(seen), number + 1);
                return Err(format!(
                    "line {line}: the page says {said}, the reproduction says {seen}"
                ));
            }
        }
        Ok(())
    }
}

impl Page {
    /// Runs the reproduction in the surrounding of a block and gives what it printed.
    ///
    /// # Errors
    ///
    /// When it cannot be started, does not end within [`LIMIT`], or ends with an error.
    pub fn run(&self, block: &Block) -> Result<String, String> {
        let mut command = python(block.peer.as_deref())?;
        command.arg(&self.program);
        if let Some(path) = &block.with {
            command.arg(repository().join(path));
        }
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let (told, ended) = mpsc::channel();
        let mut pipe = child.stdout.take().ok_or("no output")?;
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let read = pipe.read_to_end(&mut text).map(|_| text);
            // Nobody listens any more where the limit was reached.
            let _ = told.send(read);
        });
        let printed = ended.recv_timeout(LIMIT);
        if printed.is_err() {
            // It may have ended in this moment; either way it is waited for below.
            let _ = child.kill();
        }
        let end = child
            .wait_with_output()
            .map_err(|error| error.to_string())?;
        let printed = printed
            .map_err(|_| format!("it did not end within {} s", LIMIT.as_secs()))?
            .map_err(|error| error.to_string())?;
        if !end.status.success() {
            let why = String::from_utf8_lossy(&end.stderr);
            return Err(format!("it ended with {}: {why}", end.status));
        }
        Ok(String::from_utf8_lossy(&printed).into_owned())
    }
}

/// Python with the pinned packages of a peer, or with nothing but its standard library.
fn python(peer: Option<&str>) -> Result<Command, String> {
    let known = Catalogue::builtin().map_err(|error| error.to_string())?;
    // Without packages, any peer's interpreter will do.
    let name = peer.unwrap_or("websockets-14.2-legacy");
    let Some(Program::Python(program)) = known.peer(name).map(|known| &known.program) else {
        return Err(format!("there is no peer `{name}` in Python"));
    };
    let state = StateFolder::usual().map_err(|error| error.to_string())?;
    let ready = state
        .python(program, &|_| {})
        .map_err(|error| format!("{error}: {}", error.remedy()))?;
    let mut command = Command::new(ready.interpreter);
    command.arg("-s");
    match peer {
        Some(_) => command.env("PYTHONPATH", ready.site),
        None => command.env_remove("PYTHONPATH"),
    };
    Ok(command)
}

fn page(folder: &Path, name: String) -> Result<Page, String> {
    let path = folder.join(&name).join("README.md");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path:?}: {error}"))?;
    let blocks = blocks(&text).map_err(|why| format!("{name}: {why}"))?;
    Ok(Page {
        program: folder.join(&name).join("repro.py"),
        name,
        text,
        blocks,
    })
}

/// Whether a program is in one of the folders of `PATH`.
fn in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Major and minor of `6.18.44-anything`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.trim().split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Longest time of a reproduction; each takes seconds.
pub const LIMIT: Duration = Duration::from_secs(180);

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# A page\n\n```text output websockets=13.1 kernel>=6.14\none\ntwo\n```\n\n\
        ```sh\nnot this\n```\n\n```text output resolver=refuses\n```\n";

    const HERE: Here = Here {
        mptcp: true,
        resolver: false,
        kernel: (6, 18),
    };

    #[test]
    fn blocks_are_read_with_their_conditions() {
        let found = blocks(TEXT).expect("blocks");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].peer.as_deref(), Some("websockets-13.1-legacy"));
        assert_eq!(found[0].kernel, Some((6, 14)));
        assert_eq!(found[0].lines, ["one", "two"]);
        assert_eq!(found[1].resolver, Some(false));
        assert!(blocks("```text output kernal>=6.1\n```\n").is_err());
        assert!(blocks("```text output resolver=maybe\n```\n").is_err());
        assert!(blocks("```text output\nno end\n").is_err());
    }

    #[test]
    fn a_block_names_a_peer_and_its_programs() {
        let text = "```text output peer=picows-2.3.1-plain program=go program=mptcpize\n```\n";
        let block = &blocks(text).expect("blocks")[0];
        assert_eq!(block.peer.as_deref(), Some("picows-2.3.1-plain"));
        assert_eq!(block.programs, ["go", "mptcpize"]);
        assert_eq!(block.name(), "picows-2.3.1-plain");
    }

    #[test]
    fn a_program_that_is_not_installed_is_named() {
        let programs = |text: &str| blocks(text).expect("blocks").remove(0);
        let there = programs("```text output program=sh\n```\n");
        assert_eq!(there.unfit(HERE), None);
        let missing = programs("```text output kernel>=6.1 program=sh program=mpws-no-such\n```\n");
        let why = missing.unfit(HERE).expect("a reason");
        assert!(why.contains("`mpws-no-such`"), "{why}");
    }

    #[test]
    fn a_peer_that_is_not_in_python_is_an_error() {
        for name in ["fixture", "no-such-peer"] {
            let why = python(Some(name)).expect_err(name);
            assert!(why.contains(name), "{why}");
        }
    }

    #[test]
    fn conditions_are_those_of_the_host() {
        let found = blocks(TEXT).expect("blocks");
        assert_eq!(found[0].unfit(HERE), None);
        let kernel = (6, 1);
        assert!(found[0].unfit(Here { kernel, ..HERE }).is_some());
        assert_eq!(found[1].unfit(HERE), None);
        let resolver = true;
        assert!(found[1].unfit(Here { resolver, ..HERE }).is_some());
        let mptcp = false;
        assert!(found[1].unfit(Here { mptcp, ..HERE }).is_some());
    }

    #[test]
    fn every_difference_is_noticed() {
        let block = &blocks(TEXT).expect("blocks")[0];
        assert_eq!(block.compare("one\ntwo\n"), Ok(()));
        for printed in ["one\nTwo\n", "one\n", "one\ntwo\nthree\n", "", "two\none\n"] {
            assert!(block.compare(printed).is_err(), "{printed:?}");
        }
    }
}
