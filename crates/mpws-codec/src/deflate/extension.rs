//! The `Sec-WebSocket-Extensions` header (RFC 6455 section 9.1).

use std::fmt;

/// The elements of all `Sec-WebSocket-Extensions` fields of a head, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtensionList(pub Vec<Extension>);

/// One element: an extension with parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Its name, a token.
    pub name: String,
    /// Its parameters, in order, as often as they come.
    pub parameters: Vec<Parameter>,
}

/// A parameter of an extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, a token.
    pub name: String,
    /// Its value, a token that may have been quoted.
    pub value: Option<String>,
}

/// A header does not follow the grammar; the recipient must fail the connection (RFC 6455 section
/// 9.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {offset} of Sec-WebSocket-Extensions field {field}")]
pub struct ListError {
    /// What is wrong.
    pub what: &'static str,
    /// Place in the field, from 0.
    pub offset: usize,
    /// Which field of that name, from 1.
    pub field: usize,
}

impl ExtensionList {
    /// Reads the values of all `Sec-WebSocket-Extensions` fields; several are as good as one with
    /// commas.
    ///
    /// Empty elements are skipped (RFC 9110 section 5.6.1). Names keep their case, and match only
    /// in that case.
    ///
    /// # Errors
    ///
    /// Where a value does not follow the grammar, or all of them hold no element although there is
    /// a field.
    pub fn parse<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, ListError> {
        let mut found = Vec::new();
        let mut fields = 0;
        for (value, field) in values.into_iter().zip(1..) {
            fields = field;
            let mut reader = Reader {
                value,
                offset: 0,
                field,
            };
            reader.elements(&mut found)?;
        }
        if fields > 0 && found.is_empty() {
            let what = "no extension";
            return Err(ListError {
                what,
                offset: 0,
                field: fields,
            });
        }
        Ok(Self(found))
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for parameter in &self.parameters {
            write!(f, "; {parameter}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.value {
            Some(value) => write!(f, "={value}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ExtensionList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, extension) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{extension}")?;
        }
        Ok(())
    }
}

struct Reader<'a> {
    value: &'a [u8],
    offset: usize,
    field: usize,
}

impl Reader<'_> {
    fn elements(&mut self, found: &mut Vec<Extension>) -> Result<(), ListError> {
        loop {
            self.space();
            match self.peek() {
                None => return Ok(()),
                Some(b',') => self.offset += 1,
                Some(_) => {
                    found.push(self.extension()?);
                    match self.peek() {
                        None | Some(b',') => {}
                        Some(_) => return self.wrong("neither ',' nor ';'"),
                    }
                }
            }
        }
    }

    fn extension(&mut self) -> Result<Extension, ListError> {
        let name = self.token("no name of an extension")?;
        let mut parameters = Vec::new();
        self.space();
        while self.take(b';') {
            self.space();
            let name = self.token("no name of a parameter")?;
            self.space();
            let value = if self.take(b'=') {
                self.space();
                Some(self.parameter_value()?)
            } else {
                None
            };
            parameters.push(Parameter { name, value });
            self.space();
        }
        Ok(Extension { name, parameters })
    }

    /// A token, bare or quoted; what a quoted string holds must be a token as well.
    fn parameter_value(&mut self) -> Result<String, ListError> {
        if !self.take(b'"') {
            return self.token("no value after '='");
        }
        let mut value = String::new();
        loop {
            let byte = match self.peek() {
                Some(b'"') if value.is_empty() => return self.wrong("an empty quoted value"),
                Some(b'"') => {
                    self.offset += 1;
                    return Ok(value);
                }
                Some(b'\\') => {
                    self.offset += 1;
                    self.peek()
                }
                byte => byte,
            };
            match byte {
                Some(byte) if is_token(byte) => value.push(char::from(byte)),
                Some(_) => return self.wrong("a quoted value that is no token"),
                None => return self.wrong("a quoted value without an end"),
            }
            self.offset += 1;
        }
    }

    fn token(&mut self, what: &'static str) -> Result<String, ListError> {
        let mut token = String::new();
        while let Some(byte) = self.peek().filter(|&byte| is_token(byte)) {
            token.push(char::from(byte));
            self.offset += 1;
        }
        if token.is_empty() {
            return self.wrong(what);
        }
        Ok(token)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.offset += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.offset += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.value.get(self.offset).copied()
    }

    fn wrong<T>(&self, what: &'static str) -> Result<T, ListError> {
        let (offset, field) = (self.offset, self.field);
        Err(ListError {
            what,
            offset,
            field,
        })
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<ExtensionList, ListError> {
        ExtensionList::parse([text.as_bytes()])
    }

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        // RFC 7692 section 5.2.
        for (text, read) in [
            ("permessage-foo", "permessage-foo"),
            ("permessage-foo; x=10", "permessage-foo; x=10"),
            ("permessage-foo; x=\"10\"", "permessage-foo; x=10"),
            (
                "permessage-foo, permessage-bar",
                "permessage-foo, permessage-bar",
            ),
            ("a; use_y , ,a;b = \"\\1\"", "a; use_y, a; b=1"),
        ] {
            assert_eq!(parse(text).expect("read").to_string(), read);
        }
    }

    #[test]
    fn several_fields_are_one_list() {
        let fields = [b"a; x".as_slice(), b"b"];
        let list = ExtensionList::parse(fields).expect("read");
        assert_eq!(list.to_string(), "a; x, b");
        assert_eq!(ExtensionList::parse([]), Ok(ExtensionList::default()));
    }

    #[test]
    fn what_the_grammar_does_not_know_is_an_error_with_its_place() {
        for (text, offset) in [
            ("", 0),
            (",", 0),
            ("a b", 2),
            ("a;", 2),
            ("a; =1", 3),
            ("a; x=", 5),
            ("a; x=\"\"", 6),
            ("a; x=\"1", 7),
            ("a; x=\"1 2\"", 7),
            ("a; x=1=2", 6),
            ("\u{e9}", 0),
        ] {
            assert_eq!(parse(text).expect_err(text).offset, offset, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_so_that_it_reads_the_same(text in "[a-c;,=\" \\\\]{0,24}") {
            if let Ok(list) = parse(&text) {
                prop_assert_eq!(parse(&list.to_string()), Ok(list));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = ExtensionList::parse([bytes.as_slice()]);
        }
    }
}
