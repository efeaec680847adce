//! The lab process as an entry point of every executable that links this crate.

#![expect(
    unsafe_code,
    reason = "what runs before `main` is placed by the linker"
)]

/// Name of the lab process among the entry points of the executable.
pub(crate) const LAB_ENTRY: &str = "mpws-lab";

crate::reexec!(LAB_ENTRY, crate::inside::main);

/// Runs the entry point that was asked for, after all are registered and before `main`.
extern "C" fn enter() {
    crate::reexec::enter();
}

#[used]
#[unsafe(link_section = ".init_array")]
static ENTER: extern "C" fn() = enter;
