//! The seccomp profile under which a container refuses MPTCP.
//!
//! A profile given to the engine takes the place of its default, so this one must not allow what
//! the default refuses. It starts from the calls that the engine's default has always allowed to a
//! container without capabilities, and never from "everything but": a list of what is refused would
//! allow every call that is newer than the list.

use nix::libc;
use serde_json::{Value, json};

/// All namespaces that clone(2) can make.
const NEW_NAMESPACES: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;

/// A profile in the engine's format, by which a socket of protocol MPTCP fails with this errno, 1
/// to 4095.
pub(super) fn without_mptcp(errno: i32) -> String {
    let protocol = |op: &str| json!([{"index": 2, "value": libc::IPPROTO_MPTCP, "op": op}]);
    let refuse = |names: &[&str], errno: i32| json!({"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": errno});
    let allowed: Vec<&str> = allowed().collect();
    let mut refused = refuse(&["socket"], errno);
    refused["args"] = protocol("SCMP_CMP_EQ");
    // glibc tries this one first, whose flags no filter can see, and goes on with clone(2).
    let clone3 = refuse(&["clone3"], libc::ENOSYS);
    json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "archMap": [
            // No other way into the kernel: on 32-bit x86, socketcall(2) makes sockets as well.
            {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []},
            {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []},
        ],
        "syscalls": [
            allow(&allowed),
            {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": protocol("SCMP_CMP_NE")},
            refused,
            {
                "names": ["clone"],
                "action": "SCMP_ACT_ALLOW",
                "args": [{"index": 0, "value": NEW_NAMESPACES, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}],
            },
            clone3,
            {"names": ["arch_prctl"], "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["amd64", "x32"]}},
        ],
    })
    .to_string()
}

fn allow(names: &[&str]) -> Value {
    json!({"names": names, "action": "SCMP_ACT_ALLOW"})
}

fn allowed() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("allowed.txt").lines();
    lines
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_refuses_what_it_does_not_name() {
        let profile: Value = serde_json::from_str(&without_mptcp(13)).unwrap();
        assert_eq!(profile["defaultAction"], "SCMP_ACT_ERRNO");
        let names: Vec<&str> = profile["syscalls"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|rule| rule["action"] == "SCMP_ACT_ALLOW" && rule.get("args").is_none())
            .flat_map(|rule| rule["names"].as_array().unwrap())
            .map(|name| name.as_str().unwrap())
            .collect();
        assert!(names.contains(&"connect") && names.contains(&"sendmsg"));
        for name in [
            "socket",
            "clone",
            "clone3",
            "unshare",
            "mount",
            "setns",
            "bpf",
            "ptrace",
            "keyctl",
            "io_uring_setup",
        ] {
            assert!(!names.contains(&name), "{name}");
        }
    }

    #[test]
    fn only_sockets_of_protocol_mptcp_get_the_errno() {
        let profile: Value = serde_json::from_str(&without_mptcp(13)).unwrap();
        let refused: Vec<&Value> = profile["syscalls"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|rule| rule["errnoRet"] == 13)
            .collect();
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0]["names"], json!(["socket"]));
        assert_eq!(
            refused[0]["args"],
            json!([{"index": 2, "value": 262, "op": "SCMP_CMP_EQ"}])
        );
    }
}
