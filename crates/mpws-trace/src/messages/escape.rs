//! Text of peers, made harmless.

/// The beginning of bytes as text for a person: so many characters at most, nothing that a terminal
/// would interpret.
pub(crate) fn escaped(bytes: &[u8], limit: usize) -> String {
    // A character takes four bytes at most.
    let head = bytes.get(..limit.saturating_mul(4)).unwrap_or(bytes);
    let text = String::from_utf8_lossy(head);
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == limit {
            shown.push('…');
            break;
        }
        let harmless = !character.is_control() && !is_invisible(character);
        if harmless {
            shown.push(character);
        } else {
            shown.extend(character.escape_unicode());
        }
    }
    shown
}

/// Characters that reorder or hide text around them.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    )
}
