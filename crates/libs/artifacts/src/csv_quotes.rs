//! Quotes that are never closed: a CSV reader takes them as closed by the end of the file.

/// The line on which a quoted field begins that the table does not end, if there is one.
///
/// Quotes count as the `csv` crate counts them (RFC 4180): at the start of a field one opens it,
/// two within a quoted field are a quote, and elsewhere they are text.
#[must_use]
pub fn unclosed_quote(table: &[u8]) -> Option<usize> {
    let table = table.strip_prefix(b"\xef\xbb\xbf").unwrap_or(table); // a byte-order mark
    let (mut line, mut opened, mut place) = (1, 1, Place::Start);
    for &byte in table {
        place = match (place, byte) {
            (Place::Quoted, b'"') => Place::Closed,
            (Place::Quoted, _) | (Place::Closed, b'"') => Place::Quoted,
            (Place::Start, b'"') => {
                opened = line;
                Place::Quoted
            }
            (_, b',' | b'\n' | b'\r') => Place::Start,
            _ => Place::Text,
        };
        line += usize::from(byte == b'\n');
    }
    (place == Place::Quoted).then_some(opened)
}

/// Where in a field a byte stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Start,
    Text,
    Quoted,
    /// Behind a quote within a quoted field: its end, or half of an escaped one.
    Closed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_that_is_closed_escaped_or_text_is_fine() {
        for table in
            ["", "a,b\n", "\"a\",\"b\"", "\"a\n\"\"b\"\"\",c\n", "a\"b,c\"\n", "\"a\"b\n", "\"\"\n"]
        {
            assert_eq!(unclosed_quote(table.as_bytes()), None, "{table:?}");
        }
    }

    #[test]
    fn the_line_is_that_of_the_quote_however_many_there_are() {
        for (table, line) in
            [("\"", 1), ("a,b\nc,\"d\n", 2), ("a\"b\n\nc,\"d\n", 3), ("\"a\"\n\"b\"\"\nc", 2)]
        {
            assert_eq!(unclosed_quote(table.as_bytes()), Some(line), "{table:?}");
        }
    }
}
