//! The bad peers, and one honest one: what they do is named by a variable.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

/// Name of the entry point.
pub const ENTRY: &str = "test-peer";
/// Variable that says what the peer does.
pub const BEHAVIOUR: &str = "TEST_BEHAVIOUR";
/// File in the scratch folder that the peer holds locked while it lives.
pub const ALIVE: &str = "alive";

mpws_lab::reexec!(ENTRY, run);

fn run() -> i32 {
    let alive = std::fs::File::create(ALIVE).expect("the scratch folder can be written to");
    alive.lock().expect("nobody else is alive");
    let code = behave(&std::env::var(BEHAVIOUR).expect("the test sets it"));
    drop(alive);
    code
}

fn behave(behaviour: &str) -> i32 {
    match behaviour {
        "hang" => {
            eprintln!("hanging around");
            forever()
        }
        "die" => {
            eprintln!("no module named websockets");
            return 3;
        }
        "flood" => flood(),
        _ => {}
    }
    let control = std::env::var_os("MPWS_CONTROL").expect("the launcher sets it");
    let mut control = UnixStream::connect(control).expect("the launcher listens");
    let mut hello = json!({
        "protocol": 1, "name": "test-peer", "version": "1.0", "implementation": "test",
        "runtime": "none", "libc": "none",
    });
    match behaviour {
        "silent" => forever(),
        "connect-and-die" => return 4,
        "garbage" => {
            let _ = writeln!(control, "Hello? Is there anybody?");
            forever()
        }
        "long-line" => {
            let chunk = vec![b'x'; 1 << 16];
            while control.write_all(&chunk).is_ok() {}
            return 0;
        }
        "other-protocol" => hello = json!({ "protocol": 2, "greeting": "hi" }),
        "other-version" => hello["version"] = json!("1.0.1"),
        "other-implementation" => hello["implementation"] = json!("legacy"),
        _ => {}
    }
    say(&mut control, &hello);
    let requests = BufReader::new(control.try_clone().expect("a descriptor is free"));
    let mut held: Option<Value> = None;
    for line in requests.lines() {
        let Ok(line) = line else { break };
        if behaviour == "leaves-a-child" && line.contains("socket.create") {
            leave_a_child(control);
            return 9;
        }
        let request: Value = serde_json::from_str(&line).expect("the suite speaks JSON");
        let mut answer = answer(behaviour, &request);
        if behaviour == "answers-in-turn" && request["op"] == "socket.create" {
            held = Some(answer);
            continue;
        }
        answer["elapsed_us"] = json!(17);
        answer["id"] = match behaviour {
            "wrong-id" => json!(4242),
            _ => request["id"].clone(),
        };
        say(&mut control, &answer);
        if let Some(mut first) = held.take() {
            first["elapsed_us"] = json!(17);
            first["id"] = json!(request["id"].as_u64().expect("a number") - 1);
            say(&mut control, &first);
        }
    }
    if behaviour == "stays" {
        forever();
    }
    0
}

fn answer(behaviour: &str, request: &Value) -> Value {
    let no_arguments = request["args"] == json!({});
    match (behaviour, request["op"].as_str().unwrap_or_default()) {
        ("yes-man", _) => json!({ "ok": {} }),
        ("mute", _) => json!({ "unsupported": "everything" }),
        ("fails", _) => error("KeyError", None),
        ("overlooks", "process.descriptors") => json!({ "ok": { "sockets": [] } }),
        (_, "process.descriptors") if no_arguments => json!({ "ok": { "sockets": [] } }),
        ("dies-in-call", "socket.create") => {
            eprintln!("segmentation fault, almost");
            std::process::exit(7)
        }
        ("hangs-in-call", "socket.create") => forever(),
        ("odd-reply", "socket.create") => json!({ "ok": { "socket": 1, "colour": "red" } }),
        (_, "socket.create") => error("OSError", Some(92)),
        _ => json!({ "unsupported": "not known" }),
    }
}

fn error(class: &str, errno: Option<i32>) -> Value {
    let link = json!({ "class": class, "message": "", "errno": errno, "link": "outermost" });
    json!({ "error": { "chain": [link] } })
}

fn say(control: &mut UnixStream, line: &Value) {
    // The suite may have had enough.
    let _ = writeln!(control, "{line}");
}

/// A child that holds the control connection open; it goes with the lab.
fn leave_a_child(control: UnixStream) {
    let mut child = std::process::Command::new("sleep");
    let control = std::os::fd::OwnedFd::from(control);
    let child = child.arg("600").stdin(control).spawn();
    drop(child.expect("there is a sleep program"));
}

fn flood() {
    println!("first words");
    let chunk = "x".repeat(1 << 20) + "\n";
    for _ in 0..16 {
        print!("{chunk}");
        eprint!("{chunk}");
    }
    println!("last words");
}

fn forever() -> ! {
    loop {
        std::thread::park();
    }
}
