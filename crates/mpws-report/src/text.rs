//! How text that came from a peer, a packet or a log is made harmless before anybody sees it.

use std::fmt::Write as _;

/// Longest text shown on one line of a report, in characters.
pub const LINE_LIMIT: usize = 400;

/// Longest text shown as a block, in characters.
pub const BLOCK_LIMIT: usize = 8_000;

/// One line: control characters and line breaks become visible escapes, and what is longer than
/// `limit` characters is cut, with the number of characters that were left out.
pub fn line(text: &str, limit: usize) -> String {
    bounded(text, limit, |_| false)
}

/// Several lines: as [`line()`], but line feeds stay.
pub fn block(text: &str, limit: usize) -> String {
    bounded(text, limit, |character| character == '\n')
}

fn bounded(text: &str, limit: usize, stays: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len().min(limit.saturating_mul(4)));
    let mut characters = text.chars();
    for character in characters.by_ref().take(limit) {
        if stays(character) || !is_hidden(character) {
            shown.push(character);
        } else {
            escape(character, &mut shown);
        }
    }
    let left_out = characters.count();
    if left_out > 0 {
        // Writing to a String cannot fail.
        let _ = write!(shown, "… ({left_out} more characters)");
    }
    shown
}

fn escape(character: char, into: &mut String) {
    match character {
        '\n' => into.push_str("\\n"),
        '\r' => into.push_str("\\r"),
        '\t' => into.push_str("\\t"),
        // Writing to a String cannot fail.
        _ if u32::from(character) < 0x100 => {
            let _ = write!(into, "\\x{:02x}", u32::from(character));
        }
        _ => {
            let _ = write!(into, "\\u{{{:x}}}", u32::from(character));
        }
    }
}

/// Whether a character acts on the terminal or on its neighbours instead of being seen: C0 and C1
/// controls, line separators, marks that turn the direction of text (UAX #9), characters of no
/// width, and what XML 1.0 does not allow.
fn is_hidden(character: char) -> bool {
    let code = u32::from(character);
    character.is_control()
        || matches!(
            character,
            '\u{061c}'
                | '\u{00ad}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e0fff}'
        )
        // Noncharacters: the last two of each plane, and U+FDD0 to U+FDEF.
        || code & 0xfffe == 0xfffe
        || (0xfdd0..=0xfdef).contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_sequence_is_shown_instead_of_obeyed() {
        assert_eq!(line("\x1b[2Jgone", 100), "\\x1b[2Jgone");
        assert_eq!(line("\u{9b}2J", 100), "\\x9b2J");
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(
            line("a\nb\r\nc\td\u{2028}e", 100),
            "a\\nb\\r\\nc\\td\\u{2028}e"
        );
    }

    #[test]
    fn a_block_keeps_its_line_feeds_and_nothing_else() {
        assert_eq!(block("a\nb\rc\0", 100), "a\nb\\rc\\x00");
    }

    #[test]
    fn marks_that_turn_the_direction_of_text_are_shown() {
        assert_eq!(line("ab\u{202e}cd\u{2066}", 100), "ab\\u{202e}cd\\u{2066}");
    }

    #[test]
    fn what_xml_does_not_allow_is_shown() {
        assert_eq!(
            line("\u{fffe}\u{1ffff}\u{fdd0}", 100),
            "\\u{fffe}\\u{1ffff}\\u{fdd0}"
        );
    }

    #[test]
    fn long_text_is_cut_at_characters_and_says_how_much_is_missing() {
        assert_eq!(line("äöüß", 3), "äöü… (1 more characters)");
        assert_eq!(line("äöü", 3), "äöü");
    }

    #[test]
    fn ordinary_text_of_any_script_is_left_alone() {
        let text = "Grüße, 日本語, emoji 🦀 and a\\backslash";
        assert_eq!(line(text, 100), text);
    }
}
