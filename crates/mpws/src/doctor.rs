//! `mpws doctor`.

use mpws_report::text;
use mpws_suite::run::host::LAB;

use crate::args::Doctor;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Tells what this host can prove, and how to get the rest. Without labs no cell can be shown.
pub(crate) fn run(args: &Doctor) -> Result<Exit, Failure> {
    let capabilities = mpws_suite::run::doctor(args.state.as_deref());
    let width = capabilities
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let mut output = Output::default();
    for (name, capability) in &capabilities {
        let mark = if capability.available { "yes" } else { "NO " };
        let detail = text::line(&capability.detail, text::LINE_LIMIT);
        output.line(format_args!("{mark}  {name:<width$}  {detail}"));
        if let Some(remedy) = &capability.remedy {
            for line in text::block(remedy, text::BLOCK_LIMIT).lines() {
                output.line(format_args!("     {:<width$}  how to get it: {line}", ""));
            }
        }
    }
    output.line("");
    let missing = capabilities
        .iter()
        .filter(|(_, capability)| !capability.available)
        .count();
    if missing == 0 {
        output.line("this host can prove everything");
    } else {
        output.line("cells that meet what is missing say so; without labs nothing can be shown");
    }
    output.finish()?;
    let labs = capabilities
        .iter()
        .any(|(name, capability)| name == LAB && capability.available);
    Ok(if labs { Exit::Green } else { Exit::Host })
}
