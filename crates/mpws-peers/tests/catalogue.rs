//! `peer.toml`: what comes of good files, and what is said of bad ones.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use mpws_peers::protocol::Feature;
use std::fs;
use std::path::PathBuf;

use mpws_peers::catalogue::{Kind, Program, Role};
use mpws_peers::{Catalogue, CatalogueError};

/// A folder with one `peer.toml`, and a small Python adapter and requirements that it may name.
struct Written {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn written(text: &str) -> Written {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("adapter")).unwrap();
    fs::write(folder.path().join("adapter/__main__.py"), "pass\n").unwrap();
    fs::write(folder.path().join("pinned.txt"), "x==1 --hash=sha256:00\n").unwrap();
    fs::write(folder.path().join("loose.txt"), "x==1\n").unwrap();
    let path = folder.path().join("peer.toml");
    fs::write(&path, text).unwrap();
    Written {
        _folder: folder,
        path,
    }
}

/// What is said of a bad file.
fn refusal(text: &str) -> String {
    let file = written(text);
    let error = Catalogue::default().add_file(&file.path).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains(&file.path.display().to_string()),
        "names no file: {said}"
    );
    said
}

#[track_caller]
fn assert_says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{word:?} is missing in: {said}");
    }
}

/// Where the table of a blind peer begins.
const VERSION: &str = "[blind]\nversion = [\"wscat\", \"-V\"]\n";

const HEAD: &str = r#"
schema = 1
name = "mine"
kind = "adapter"
roles = ["client"]
"#;

fn python(rest: &str) -> String {
    format!("{HEAD}[python]\nadapter = \"adapter\"\nlibrary = \"x\"\n{rest}")
}

#[test]
fn our_own_peers_are_part_of_the_program() {
    let catalogue = Catalogue::builtin().unwrap();
    let names: Vec<_> = catalogue
        .peers()
        .iter()
        .filter(|peer| peer.matrix.is_none())
        .map(|peer| peer.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "fixture",
            "websockets-13.1-legacy",
            "websockets-13.1-asyncio",
            "websockets-13.1-sync",
            "websockets-14.2-legacy",
            "websockets-14.2-asyncio",
            "websockets-14.2-sync",
        ]
    );
}

#[test]
fn a_python_peer_knows_its_pins() {
    let catalogue = Catalogue::builtin().unwrap();
    let peer = catalogue.peer("websockets-13.1-legacy").unwrap();
    assert_eq!(peer.family, "websockets");
    assert_eq!(peer.reports.as_deref(), Some("websockets"));
    assert_eq!(peer.version.as_deref(), Some("13.1"));
    assert_eq!(peer.implementation.as_deref(), Some("legacy"));
    assert!(peer.can_be(Role::Client) && peer.can_be(Role::Server));
    assert_eq!(peer.kind(), Kind::Adapter);
    let Program::Python(program) = &peer.program else {
        panic!("{:?}", peer.program);
    };
    assert!(program.requirements.text.contains("websockets==13.1"));
    assert!(program.adapter.contains_key("__main__.py"));
}

#[test]
fn only_one_implementation_of_a_version_is_the_top_level_one() {
    let catalogue = Catalogue::builtin().unwrap();
    let top: Vec<_> = catalogue
        .peers()
        .iter()
        .filter(|peer| peer.has(Feature::TopLevelApi))
        .map(|peer| peer.name.as_str())
        .collect();
    assert_eq!(top, ["websockets-13.1-legacy", "websockets-14.2-asyncio"]);
}

#[test]
fn the_matrix_of_a_family_has_the_versions_that_ordinary_runs_leave_out() {
    let catalogue = Catalogue::builtin().unwrap();
    assert_eq!(
        catalogue.matrices().collect::<Vec<_>>(),
        ["curl", "foreign", "websockets"]
    );
    assert!(catalogue.matrix("fixture").is_empty());
    let names: Vec<_> = catalogue
        .matrix("websockets")
        .into_iter()
        .map(|peer| peer.name)
        .collect();
    assert_eq!(names.len(), 33, "{names:?}");
    // 10.4 has neither asyncio nor sync, sync came with 11.0, asyncio with 13.0, trio with 17.0.
    assert_eq!(
        names[..6],
        [
            "websockets-10.4-legacy",
            "websockets-11.0.3-legacy",
            "websockets-11.0.3-sync",
            "websockets-12.0-legacy",
            "websockets-12.0-sync",
            "websockets-13.0-legacy",
        ]
    );
    let with = |end: &str| names.iter().filter(|name| name.ends_with(end)).count();
    assert_eq!((with("-legacy"), with("-sync")), (12, 11));
    assert_eq!((with("-asyncio"), with("-trio")), (9, 1));
    assert!(catalogue.peer("websockets-17.4-trio").unwrap().matrix_only);
}

#[test]
fn a_version_has_the_implementations_that_it_names_and_no_others() {
    let text = |version: &str| {
        python(&format!(
            "versions = [{{ version = \"1\", requirements = \"pinned.txt\", {version} }}]\n\
             implementations = [{{ name = \"a\" }}, {{ name = \"b\" }}]\n"
        ))
    };
    let file = written(&text("implementations = [\"b\"]"));
    let names = Catalogue::default().add_file(&file.path).unwrap();
    assert_eq!(names, ["mine-1-b"]);
    for (version, said) in [
        ("implementations = [\"c\"]", "no implementation `c`"),
        (
            "implementations = [\"b\"], top-level = \"a\"",
            "this version has no implementation `a`",
        ),
        ("implementations = []", "no implementation"),
        (
            "python = \"3.9\"",
            "`3.9` is not a range of Pythons such as `>=3.9,<3.12`",
        ),
    ] {
        assert_says(&refusal(&text(version)), &["peer.toml:9:", said]);
    }
}

#[test]
fn a_version_tells_the_pythons_that_it_exists_for() {
    let catalogue = Catalogue::builtin().unwrap();
    let range = |name: &str| {
        let peer = catalogue.peer(name).expect("a peer");
        let Program::Python(program) = &peer.program else {
            panic!("{name} is not in Python");
        };
        program.pythons.as_ref().map(ToString::to_string)
    };
    assert_eq!(
        range("websockets-10.4-legacy").as_deref(),
        Some(">=3.7,<3.12")
    );
    assert_eq!(range("websockets-14.2-sync"), None);
    assert_eq!(range("websockets-17.4-trio").as_deref(), Some(">=3.11"));
}

#[test]
fn a_user_can_add_a_command() {
    let file = written(&format!(
        "{HEAD}[command]\nargv = [\"bin/run\", \"{{dir}}/x\"]\nenv = {{ A = \"{{dir}}\" }}\nversion = \"3\"\n"
    ));
    let mut catalogue = Catalogue::builtin().unwrap();
    assert_eq!(catalogue.add_file(&file.path).unwrap(), ["mine"]);
    let peer = catalogue.peer("mine").unwrap();
    assert_eq!(peer.version.as_deref(), Some("3"));
    assert!(!peer.can_be(Role::Server));
    let Program::Command { argv, env, .. } = &peer.program else {
        panic!("{:?}", peer.program);
    };
    let folder = file.path.parent().unwrap();
    assert_eq!(PathBuf::from(&argv[0]), folder.join("bin/run"));
    assert_eq!(PathBuf::from(&argv[1]), folder.join("x"));
    assert_eq!(PathBuf::from(&env["A"]), folder);
}

#[test]
fn programs_that_are_built_with_the_command_are_looked_for_beside_it() {
    let catalogue = Catalogue::builtin().unwrap();
    let peer = catalogue.peer("tungstenite-0.30.0-sync").unwrap();
    assert_eq!(peer.reports.as_deref(), Some("tungstenite"));
    let Program::Command { argv, built_by, .. } = &peer.program else {
        panic!("{:?}", peer.program);
    };
    let beside = std::env::current_exe().unwrap();
    let beside = beside.with_file_name("mpws-peer-tungstenite");
    assert_eq!(PathBuf::from(&argv[0]), beside);
    assert!(built_by.as_deref().unwrap().contains("mpws-rust-peers"));
}

#[test]
fn a_user_can_add_a_python_adapter_and_its_files_are_read_at_once() {
    let file = written(&python(
        "versions = [{ version = \"1\", requirements = \"pinned.txt\" }]\n\
         implementations = [{ name = \"a\" }, { name = \"b\", features = [\"deflate\"] }]\n",
    ));
    let mut catalogue = Catalogue::default();
    assert_eq!(
        catalogue.add_file(&file.path).unwrap(),
        ["mine-1-a", "mine-1-b"]
    );
    assert!(catalogue.peer("mine-1-b").unwrap().has(Feature::Deflate));
    assert!(!catalogue.peer("mine-1-a").unwrap().has(Feature::Deflate));
}

#[test]
fn a_blind_peer_is_read() {
    let text = HEAD.replace("adapter", "blind")
        + VERSION
        + "client = [\"wscat\", \"-c\", \"{uri}\"]\nlines = { ready = \"open\" }\n";
    let file = written(&text);
    let mut catalogue = Catalogue::default();
    catalogue.add_file(&file.path).unwrap();
    assert_eq!(catalogue.peers()[0].kind(), Kind::Blind);
}

#[test]
fn a_missing_file_is_named() {
    let missing = PathBuf::from("/nowhere/peer.toml");
    let error = Catalogue::default().add_file(&missing).unwrap_err();
    assert!(matches!(error, CatalogueError::Read { path, .. } if path == missing));
}

#[test]
fn a_line_that_is_not_toml_is_shown() {
    assert_says(&refusal("schema = 1\nname = \n"), &["line 2", "name ="]);
}

#[test]
fn an_unknown_key_is_shown_with_those_that_exist() {
    let said = refusal(&format!("{HEAD}colour = \"red\"\n[fixture]\n"));
    assert_says(&said, &["line 6", "unknown field `colour`", "`roles`"]);
}

#[test]
fn a_slip_in_a_feature_is_told_with_the_word_that_is_meant() {
    let said = refusal(&format!("{HEAD}features = [\"sock-handovr\"]\n[fixture]\n"));
    assert_says(
        &said,
        &["`sock-handovr`", "did you mean `sock-handover`", "x-"],
    );
    let said = refusal(&format!("{HEAD}features = [\"telepathy\"]\n[fixture]\n"));
    assert_says(
        &said,
        &["`telepathy` is not a feature", "mpws list --features"],
    );
    assert!(!said.contains("did you mean"), "{said}");
}

#[test]
fn a_feature_of_the_users_own_is_kept_apart() {
    let file = written(&format!(
        "{HEAD}features = [\"tls\", \"x-telepathy\"]\n[fixture]\n"
    ));
    let mut catalogue = Catalogue::default();
    catalogue.add_file(&file.path).unwrap();
    let peer = catalogue.peer("mine").unwrap();
    assert!(peer.has(Feature::Tls));
    assert!(peer.own_features.contains("x-telepathy"));
}

#[test]
fn an_unknown_key_in_a_table_is_shown() {
    let said = refusal(&format!("{HEAD}[command]\nargv = [\"x\"]\nshell = true\n"));
    assert_says(&said, &["line 8", "unknown field `shell`"]);
}

#[test]
fn a_missing_key_is_named() {
    let said = refusal("schema = 1\nname = \"mine\"\nkind = \"adapter\"\n[fixture]\n");
    assert_says(&said, &["missing field `roles`"]);
}

#[test]
fn a_newer_format_is_refused() {
    let said = refusal(&format!(
        "{}[fixture]\n",
        HEAD.replace("schema = 1", "schema = 2")
    ));
    assert_says(&said, &["peer.toml:2:", "schema 2 is not known"]);
}

#[test]
fn a_name_that_would_break_the_names_of_cells_is_refused() {
    for name in [
        "",
        "Upper",
        "a/b",
        "a@b",
        "a:b",
        "-a",
        "a b",
        &"a".repeat(65),
    ] {
        let text = HEAD.replace("mine", name);
        let said = refusal(&format!("{text}[fixture]\n"));
        assert_says(&said, &["peer.toml:3:", "is not a name"]);
    }
}

#[test]
fn a_second_peer_of_the_same_name_is_refused() {
    let file = written(&format!("{}[fixture]\n", HEAD.replace("mine", "fixture")));
    let error = Catalogue::builtin()
        .unwrap()
        .add_file(&file.path)
        .unwrap_err();
    assert_says(
        &error.to_string(),
        &["already a peer with the name `fixture`"],
    );
}

#[test]
fn a_version_that_stands_there_twice_is_refused() {
    let said = refusal(&python(
        "versions = [{ version = \"1\", requirements = \"pinned.txt\" }, \
                     { version = \"1\", requirements = \"pinned.txt\" }]\n\
         implementations = [{ name = \"a\" }]\n",
    ));
    assert_says(&said, &["already a peer with the name `mine-1-a`"]);
}

#[test]
fn a_peer_without_a_program_is_refused() {
    assert_says(
        &refusal(HEAD),
        &["peer.toml:4:", "[fixture], [python] or [command]"],
    );
}

#[test]
fn a_peer_with_two_programs_is_refused() {
    let said = refusal(&format!("{HEAD}[fixture]\n[command]\nargv = [\"x\"]\n"));
    assert_says(&said, &["peer.toml:7:", "a peer has one program"]);
}

#[test]
fn a_peer_without_a_role_is_refused() {
    let said = refusal(&format!("{}[fixture]\n", HEAD.replace("\"client\"", "")));
    assert_says(&said, &["peer.toml:5:", "needs a role"]);
}

#[test]
fn requirements_without_hashes_are_refused() {
    let said = refusal(&python(
        "versions = [{ version = \"1\", requirements = \"loose.txt\" }]\n\
         implementations = [{ name = \"a\" }]\n",
    ));
    assert_says(&said, &["peer.toml:9:", "loose.txt has no hashes"]);
}

#[test]
fn a_path_out_of_the_folder_is_refused() {
    for path in ["../pinned.txt", "/etc/passwd", ""] {
        let said = refusal(&python(&format!(
            "versions = [{{ version = \"1\", requirements = \"{path}\" }}]\n\
             implementations = [{{ name = \"a\" }}]\n"
        )));
        assert_says(&said, &["peer.toml:9:", "leads out of the folder"]);
    }
}

#[test]
fn a_file_that_is_named_and_missing_is_told_with_the_line_that_names_it() {
    let file = written(&python(
        "versions = [{ version = \"1\", requirements = \"none.txt\" }]\n\
         implementations = [{ name = \"a\" }]\n",
    ));
    let error = Catalogue::default().add_file(&file.path).unwrap_err();
    assert_says(&error.to_string(), &["none.txt", "peer.toml:9 names"]);
}

#[test]
fn a_top_level_implementation_that_does_not_exist_is_refused() {
    let said = refusal(&python(
        "versions = [{ version = \"1\", requirements = \"pinned.txt\", top-level = \"z\" }]\n\
         implementations = [{ name = \"a\" }]\n",
    ));
    assert_says(&said, &["there is no implementation `z`"]);
}

#[test]
fn a_blind_peer_that_cannot_be_told_where_to_go_is_refused() {
    let text = HEAD.replace("adapter", "blind") + VERSION + "client = [\"wscat\"]\n";
    assert_says(
        &refusal(&text),
        &["peer.toml:8:", "neither {port} nor {uri}"],
    );
}

#[test]
fn an_unknown_placeholder_is_refused() {
    let head = HEAD.replace("adapter", "blind");
    let said = |part: &str| {
        let text = format!("{head}{VERSION}client = [\"wscat\", \"{part}\", \"{{uri}}\"]\n");
        refusal(&text)
    };
    assert_says(&said("{path}"), &["peer.toml:8:", "`{path}` is not one of"]);
    assert_says(
        &said("{port"),
        &["peer.toml:8:", "a brace without its partner"],
    );
    assert_says(
        &said("port}"),
        &["peer.toml:8:", "a brace without its partner"],
    );
}

#[test]
fn the_place_for_words_of_mptcp_is_an_argument_and_needs_such_words() {
    let head = HEAD.replace("adapter", "blind");
    let said = |words: &str, argv: &str| {
        refusal(&format!(
            "{head}{VERSION}{words}client = {argv}\nlines = {{ ready = \"open\" }}\n"
        ))
    };
    assert_says(
        &said("", "[\"wscat\", \"{mptcp}\", \"{uri}\"]"),
        &["peer.toml:8:", "{mptcp} without `mptcp`"],
    );
    let words = "mptcp = [\"--mptcp\"]\n";
    for argv in [
        "[\"wscat\", \"x{mptcp}\", \"{uri}\"]",
        "[\"{mptcp}\", \"{uri}\"]",
    ] {
        assert_says(
            &said(words, argv),
            &["peer.toml:9:", "whole arguments behind the program"],
        );
    }
}

#[test]
fn a_blind_client_that_nobody_can_talk_to_is_refused() {
    let text = HEAD.replace("adapter", "blind") + VERSION + "client = [\"wscat\", \"{uri}\"]\n";
    assert_says(
        &refusal(&text),
        &["peer.toml:6:", "a client needs a table `lines`"],
    );
}

#[test]
fn a_need_is_either_a_program_or_a_file() {
    let text = HEAD.replace("adapter", "blind").replace("client", "server")
        + VERSION
        + "server = [\"srv\", \"{port}\"]\nneeds = [{ package = \"x\" }]\n";
    assert_says(
        &refusal(&text),
        &["peer.toml:9:", "either `program` or `file`"],
    );
}

#[test]
fn a_blind_role_without_a_command_is_refused() {
    let text = HEAD.replace("adapter", "blind") + VERSION + "server = [\"srv\", \"{port}\"]\n";
    assert_says(&refusal(&text), &["the role client has no command"]);
}

#[test]
fn shared_folders_are_laid_beside_the_adapter_whose_own_files_count() {
    let file = written(&python(
        "shared = [\"websockets/adapter\", \"shared\"]\nversions = [{ version = \"1\", requirements = \"pinned.txt\" }]\n\
         implementations = [{ name = \"a\" }]\n",
    ));
    let mut catalogue = Catalogue::default();
    catalogue.add_file(&file.path).unwrap();
    let Program::Python(program) = &catalogue.peers()[0].program else {
        panic!("not a Python peer");
    };
    assert_eq!(program.adapter["__main__.py"], "pass\n");
    assert!(program.adapter.contains_key("mpws_adapter/control.py"));
    assert!(program.adapter.contains_key("mpws_foreign/shape.py"));
}

#[test]
fn a_shared_folder_that_is_not_ours_is_refused() {
    for (folder, word) in [
        ("nobody/adapter", "has no adapter"),
        ("../adapter", "leads out"),
    ] {
        let rest = "versions = [{ version = \"1\", requirements = \"pinned.txt\" }]\nimplementations = [{ name = \"a\" }]\n";
        let said = refusal(&python(&format!("shared = [\"{folder}\"]\n{rest}")));
        assert_says(&said, &[folder, word]);
    }
}

#[test]
fn peers_of_a_matrix_say_so() {
    let catalogue = Catalogue::builtin().unwrap();
    let of = |name: &str| catalogue.peer(name).unwrap().matrix.as_deref();
    assert_eq!(of("fixture"), None);
    assert_eq!(of("aiohttp-3.14.5-rewrapped"), Some("foreign"));
    assert_says(
        &refusal(&format!(
            "{HEAD}matrix = \"No Name\"\n[command]\nargv = [\"x\"]\n"
        )),
        &["No Name"],
    );
}
