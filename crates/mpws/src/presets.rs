//! `mpws presets`.

use mpws_lab::preset::{KEYS, PRESETS, Preset};

use crate::args::Presets;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Lists presets, and keys where no preset is named.
pub(crate) fn run(args: &Presets) -> Result<Exit, Failure> {
    let mut chosen: Vec<&Preset> = Vec::new();
    for name in &args.names {
        let preset = Preset::named(name).ok_or_else(|| unknown(name))?;
        chosen.push(preset);
    }
    if chosen.is_empty() {
        chosen = PRESETS.iter().collect();
    }
    let width = chosen.iter().map(|preset| preset.name.len()).max();
    let width = width.unwrap_or(0);
    let mut output = Output::default();
    for preset in chosen {
        let (name, model) = (preset.name, preset.model);
        output.line(format_args!(
            "{name:<width$}  M{model:<2}  {}",
            preset.title
        ));
        output.line(format_args!("{:<width$}       {}", "", preset.effect));
        output.line(format_args!("{:<width$}       {}", "", preset.example()));
    }
    if args.names.is_empty() {
        output.line("");
        output.line("Keys, for --path N:KEY=VALUE,...");
        let width = KEYS.iter().map(|key| key.name.len()).max().unwrap_or(0);
        for key in KEYS {
            output.line(format_args!("{:<width$}  {}", key.name, key.what));
            if !key.value.is_empty() {
                output.line(format_args!("{:<width$}    = {}", "", key.value));
            }
        }
    }
    output.finish()
}

fn unknown(name: &str) -> Failure {
    let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    let error = std::io::Error::other(format!("there is no preset `{name}`"));
    Failure::of(Exit::Usage, "cannot list these presets", &error)
        .next(format!("there are {}", names.join(", ")))
}
