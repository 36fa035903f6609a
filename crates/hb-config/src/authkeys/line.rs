//! The grammar of one line of `authkeys`, as C's `sscanf` reads it.

use nom::bytes::complete::{tag, take_till, take_while};
use nom::combinator::{opt, recognize};
use nom::{IResult, Parser};

use crate::source::Word;
use crate::suggest::nearest;
use crate::value::parse_number;

/// A line taken apart.
#[derive(Debug)]
pub(super) enum Parsed<'a> {
    /// Empty, or a comment.
    Nothing,
    /// Begins with `a`.
    Auth(AuthLine<'a>),
    /// Anything else.
    Key(KeyLine<'a>),
}

/// `auth N`.
#[derive(Debug)]
pub(super) struct AuthLine<'a> {
    /// `auth`, or nothing.
    pub(super) keyword: Word<'a>,
    pub(super) number: Word<'a>,
    /// `None` if the line is not of this form.
    pub(super) value: Option<i32>,
}

/// `N METHOD KEY`; what is missing is empty.
#[derive(Debug)]
pub(super) struct KeyLine<'a> {
    pub(super) number: Word<'a>,
    /// `None` if the line does not begin with a number.
    pub(super) value: Option<i32>,
    pub(super) method: Word<'a>,
    pub(super) key: Word<'a>,
    /// What follows the key.
    pub(super) rest: Word<'a>,
}

/// White space as C's `isspace` knows it.
const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn space(input: &[u8]) -> IResult<&[u8], &[u8]> {
    take_while(is_space).parse(input)
}

fn integer(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let sign = opt(nom::branch::alt((tag("+"), tag("-"))));
    recognize((sign, nom::bytes::complete::take_while1(|byte: u8| byte.is_ascii_digit()))).parse(input)
}

fn one_word(input: &[u8]) -> IResult<&[u8], &[u8]> {
    take_till(is_space).parse(input)
}

/// Takes a line apart; leading white space is skipped.
pub(super) fn parse(piece: Word<'_>) -> Parsed<'_> {
    let start = piece.text.iter().position(|byte| !is_space(*byte)).unwrap_or(piece.text.len());
    let line = piece.part(start, piece.text.len());
    match line.text.first() {
        None | Some(b'#') => Parsed::Nothing,
        Some(b'a') => Parsed::Auth(auth_line(line)),
        Some(_) => Parsed::Key(key_line(line)),
    }
}

fn auth_line(line: Word<'_>) -> AuthLine<'_> {
    let keyword = tag::<_, _, nom::error::Error<&[u8]>>("auth");
    match (keyword, space, integer).parse(line.text) {
        Ok((_, (keyword, gap, number))) => {
            let at = keyword.len() + gap.len();
            let value = Some(parse_number(number).value);
            AuthLine { keyword: line.part(0, keyword.len()), number: line.part(at, at + number.len()), value }
        }
        Err(_) => AuthLine { keyword: line.part(0, 0), number: line.part(0, 0), value: None },
    }
}

fn key_line(line: Word<'_>) -> KeyLine<'_> {
    let mut grammar = (opt(integer), space, one_word, space, one_word, space);
    let parsed: IResult<&[u8], _> = grammar.parse(line.text);
    let Ok((_, (Some(number), gap, method, second_gap, key, third_gap))) = parsed else {
        let empty = line.part(0, 0);
        return KeyLine { number: empty, value: None, method: empty, key: empty, rest: empty };
    };
    let mut at = 0;
    let mut next = |gap: &[u8], text: &[u8]| {
        let start = at + gap.len();
        at = start + text.len();
        line.part(start, at)
    };
    let value = Some(parse_number(number).value);
    let number = next(&[], number);
    let method = next(gap, method);
    let key = next(second_gap, key);
    let rest = line.part(at + third_gap.len(), line.text.len());
    let end = rest.text.iter().rposition(|byte| !is_space(*byte)).map_or(0, |last| last + 1);
    KeyLine { number, value, method, key, rest: rest.part(0, end) }
}

/// Names that people write for a method.
const KNOWN: [&str; 10] =
    ["crc", "crc32", "md5", "sha", "sha1", "sha-1", "sha224", "sha256", "sha384", "sha512"];

/// Whether a word is a method or a misspelled one, and not a key in the wrong place.
pub(super) fn looks_like_method(word: &[u8]) -> bool {
    matches!(word, b"sha1" | b"md5" | b"crc") || nearest(word, KNOWN).is_some()
}

/// The method that was probably meant.
pub(super) fn near_method(word: &[u8]) -> Option<&'static str> {
    match nearest(word, KNOWN)? {
        "crc" | "crc32" => Some("crc"),
        "md5" => Some("md5"),
        _ => Some("sha1"),
    }
}
