//! Commands with places to fill in: `{port}`; `{{` and `}}` stand for braces.

use std::collections::BTreeSet;

/// The names of the places in a command.
///
/// # Errors
///
/// In words: no program, a brace without its partner, a name that is not one of `known`.
pub(super) fn check(argv: &[String], known: &[&str]) -> Result<BTreeSet<String>, String> {
    if argv.first().is_none_or(String::is_empty) {
        return Err("no program".to_owned());
    }
    let mut found = BTreeSet::new();
    for part in argv {
        for piece in pieces(part)? {
            match piece {
                Piece::Text(_) => {}
                Piece::Place(name) if known.contains(&name) => {
                    found.insert(name.to_owned());
                }
                Piece::Place(name) => {
                    let known: Vec<String> = known.iter().map(|one| format!("{{{one}}}")).collect();
                    return Err(format!("`{{{name}}}` is not one of {}", known.join(", ")));
                }
            }
        }
    }
    Ok(found)
}

/// A part of a command with its places filled in. What has no value, or makes no sense, stays as it
/// is: commands are checked when they are read.
pub fn filled(part: &str, values: &[(&str, &str)]) -> String {
    let Ok(pieces) = pieces(part) else {
        return part.to_owned();
    };
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(written) => text.push_str(written),
            Piece::Place(name) => match values.iter().find(|(known, _)| *known == name) {
                Some((_, value)) => text.push_str(value),
                None => text.push_str(&format!("{{{name}}}")),
            },
        }
    }
    text
}

enum Piece<'a> {
    Text(&'a str),
    Place(&'a str),
}

fn pieces(part: &str) -> Result<Vec<Piece<'_>>, String> {
    let alone = || format!("a brace without its partner in `{part}`");
    let mut pieces = Vec::new();
    let mut rest = part;
    while let Some(at) = rest.find(['{', '}']) {
        pieces.push(Piece::Text(&rest[..at]));
        let brace = &rest[at..];
        if brace.starts_with("{{") || brace.starts_with("}}") {
            pieces.push(Piece::Text(&brace[..1]));
            rest = &brace[2..];
            continue;
        }
        let end = brace.find('}').filter(|end| *end > 0).ok_or_else(alone)?;
        pieces.push(Piece::Place(&brace[1..end]));
        rest = &brace[end + 1..];
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_in_and_doubled_braces_are_braces() {
        let values = [("host", "::1"), ("port", "80")];
        assert_eq!(filled("ws://[{host}]:{port}/", &values), "ws://[::1]:80/");
        assert_eq!(filled("{{host}} }}{{", &values), "{host} }{");
    }

    #[test]
    fn a_value_is_not_looked_into() {
        assert_eq!(
            filled("{host}", &[("host", "{port}"), ("port", "1")]),
            "{port}"
        );
    }
}
