//! How the command is linked.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The command starts itself some thousand times in a run, as labs and as fixtures. At a fixed
    // address it needs none of the relocations that take a fifth of such a start. Elsewhere than
    // with glibc rustc brings start-up objects of its own, which belong to the way of linking that
    // it chose.
    if std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
