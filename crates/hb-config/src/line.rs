//! How 3.0.6 reads a text file: by pieces of at most 5119 bytes that end at LF (`config.md` 2, 8, 9).
//!
//! Decides where a line and a word begin and end. What a word means is not known here.

use nom::Parser;
use nom::bytes::complete::{take_till, take_till1, take_while};

use crate::source::{Mark, Word};

/// Longest piece, its LF included; what follows on the same line counts as a line of its own.
pub(crate) const PIECE_LIMIT: usize = 5119;

/// A line, or a piece of an overlong one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    /// Text up to and with LF, if it has one; cut at the first NUL, which ends a line for 3.0.6.
    pub(crate) word: Word<'a>,
    /// Bytes behind a NUL were dropped.
    pub(crate) has_nul: bool,
    /// This is the second or a later piece of a physical line.
    pub(crate) is_rest: bool,
}

/// Cuts `bytes` into pieces.
pub(crate) fn pieces(bytes: &[u8]) -> Pieces<'_> {
    Pieces { bytes, offset: 0, line: 1, line_start: 0 }
}

/// Iterator made by [`pieces`].
#[derive(Debug)]
pub(crate) struct Pieces<'a> {
    bytes: &'a [u8],
    offset: usize,
    line: usize,
    line_start: usize,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let rest = self.bytes.get(self.offset..).filter(|rest| !rest.is_empty())?;
        let window = rest.get(..PIECE_LIMIT).unwrap_or(rest);
        let line_feed = window.iter().position(|&byte| byte == b'\n');
        let whole = line_feed.and_then(|at| window.get(..=at)).unwrap_or(window);
        let text = whole.split(|&byte| byte == 0).next().unwrap_or_default();
        let start = self.offset;
        let mark = Mark { line: self.line, line_start: self.line_start, start, end: start + text.len() };
        let piece = Piece {
            word: Word { text, mark },
            has_nul: text.len() < whole.len(),
            is_rest: start != self.line_start,
        };
        self.offset += whole.len();
        if line_feed.is_some() {
            self.line += 1;
            self.line_start = self.offset;
        }
        Some(piece)
    }
}

/// A directive of `ha.cf`: its name and the rest of the line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) name: Word<'a>,
    /// What follows the name, without comment, line end and white space around it.
    pub(crate) rest: Word<'a>,
}

/// Takes a piece apart; `None` if nothing but white space or a comment is in it.
pub(crate) fn directive<'a>(piece: &Piece<'a>) -> Option<Line<'a>> {
    let word = piece.word;
    let (_, (text, name)) = name_and_text(word.text).ok()?;
    let at = word.text.len() - text.len_from_end;
    let name = word.part(at, at + name.len());
    let rest = trimmed(word.part(at + name.text.len(), at + text.length));
    Some(Line { name, rest })
}

/// Where the text of a line lies: its length, and how far its beginning is from the end of the piece.
struct Extent {
    len_from_end: usize,
    length: usize,
}

/// Leading white space is skipped, the first `#` anywhere ends the text, then the first CR or LF does.
fn name_and_text(input: &[u8]) -> nom::IResult<&[u8], (Extent, &[u8])> {
    let (input, _) =
        take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c')).parse(input)?;
    let (_, text) = take_till(|byte| matches!(byte, b'#' | b'\r' | b'\n')).parse(input)?;
    let (rest, name) = take_till1(is_blank).parse(text)?;
    Ok((rest, (Extent { len_from_end: input.len(), length: text.len() }, name)))
}

/// What separates words: blank, TAB and FF. Vertical tab and U+00A0 are ordinary bytes.
pub(crate) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0c')
}

/// What separates the values of a list directive.
pub(crate) const fn is_list_separator(byte: u8) -> bool {
    is_blank(byte) || byte == b','
}

/// The words of `text`, cut at bytes for which `is_separator` holds.
pub(crate) fn words(text: Word<'_>, is_separator: fn(u8) -> bool) -> Words<'_> {
    Words { text, offset: 0, is_separator }
}

/// Iterator made by [`words`].
#[derive(Debug)]
pub(crate) struct Words<'a> {
    text: Word<'a>,
    offset: usize,
    is_separator: fn(u8) -> bool,
}

impl<'a> Words<'a> {
    /// What no word was taken from yet, without the white space before it.
    pub(crate) fn rest(&self) -> Word<'a> {
        trimmed(self.text.part(self.offset, self.text.text.len()))
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        let is_separator = self.is_separator;
        let input = self.text.text.get(self.offset..)?;
        let (input, skipped) = take_while::<_, _, ()>(is_separator).parse(input).ok()?;
        let (_, word) = take_till1::<_, _, ()>(is_separator).parse(input).ok()?;
        let start = self.offset + skipped.len();
        self.offset = start + word.len();
        Some(self.text.part(start, self.offset))
    }
}

/// `word` without white space at both ends.
pub(crate) fn trimmed(word: Word<'_>) -> Word<'_> {
    let blank = |byte: &u8| is_blank(*byte);
    let Some(first) = word.text.iter().position(|byte| !blank(byte)) else {
        return word.part(word.text.len(), word.text.len());
    };
    let last = word.text.iter().rposition(|byte| !blank(byte)).unwrap_or(first);
    word.part(first, last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &[u8]) -> Vec<(usize, String, Vec<String>)> {
        pieces(text)
            .filter_map(|piece| directive(&piece))
            .map(|line| {
                let values = words(line.rest, is_list_separator).map(Word::lossy).collect();
                (line.name.mark.line, line.name.lossy(), values)
            })
            .collect()
    }

    #[test]
    fn a_line_is_name_and_values() {
        let found = split(b"# c\n \t\x0cbcast eth0,,eth1\teth2 # x\r\n\nnode# a\n\x00zz\nudp a\rb");
        let expected =
            [(2, "bcast", vec!["eth0", "eth1", "eth2"]), (4, "node", vec![]), (6, "udp", vec!["a"])];
        let expected: Vec<(usize, String, Vec<String>)> = expected
            .into_iter()
            .map(|(line, name, values)| (line, name.into(), values.into_iter().map(String::from).collect()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn marks_point_into_the_file() {
        let text = b"\n  keepalive  2 3 # x";
        let line = pieces(text).find_map(|piece| directive(&piece)).unwrap();
        assert_eq!(&text[line.name.mark.start..line.name.mark.end], b"keepalive");
        let marks: Vec<&[u8]> =
            words(line.rest, is_blank).map(|word| &text[word.mark.start..word.mark.end]).collect();
        assert_eq!(marks, [b"2", b"3"]);
        assert_eq!(line.name.mark.line_start, 1);
    }

    #[test]
    fn an_overlong_line_is_cut() {
        let mut text = vec![b'#'; 5200];
        text.extend_from_slice(b"\nnode a\n");
        let pieces: Vec<Piece<'_>> = pieces(&text).collect();
        assert_eq!(pieces.iter().map(|piece| piece.word.text.len()).collect::<Vec<_>>(), [5119, 82, 7]);
        assert_eq!(pieces.iter().map(|piece| piece.is_rest).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(pieces.iter().map(|piece| piece.word.mark.line).collect::<Vec<_>>(), [1, 1, 2]);
    }
}
