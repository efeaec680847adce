//! Colours, or none.

use console::Style;
use mpws_model::result::{CellResult, Verdict};

/// Whether and how words are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint {
    colours: bool,
}

impl Paint {
    /// Colours, or none.
    pub fn new(colours: bool) -> Self {
        Self { colours }
    }

    /// Colours if the stream is a terminal that can show them and nobody asked for none, by
    /// `NO_COLOR` set to anything but the empty string (<https://no-color.org>) or `TERM=dumb`.
    pub fn for_stream(is_terminal: bool) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self::new(is_terminal && !refused)
    }

    /// Whether there are colours.
    pub fn has_colours(self) -> bool {
        self.colours
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.apply(Style::new().green(), text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.apply(Style::new().yellow(), text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.apply(Style::new().red().bold(), text)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.apply(Style::new().bold(), text)
    }

    pub(crate) fn faint(self, text: &str) -> String {
        self.apply(Style::new().dim(), text)
    }

    /// Text in the colour of a cell: green, yellow for what is known or tolerated, red.
    pub(super) fn cell(self, cell: &CellResult, text: &str) -> String {
        if cell.is_red() {
            self.red(text)
        } else if cell.verdict == Verdict::Pass {
            self.green(text)
        } else {
            self.yellow(text)
        }
    }

    fn apply(self, style: Style, text: &str) -> String {
        style.force_styling(self.colours).apply_to(text).to_string()
    }
}
