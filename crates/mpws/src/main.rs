//! The `mpws` command.

fn main() -> mpws::exit::Exit {
    mpws::main()
}
