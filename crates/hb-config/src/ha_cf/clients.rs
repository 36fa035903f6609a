//! `apiauth`: who may use the client API (`config.md` 4.7). Only checked so far.

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::combinator::rest as everything;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, quoted};
use crate::line::{is_blank, words};
use crate::source::Word;
use crate::suggest::nearest;

use super::HaCf;

/// Bytes of a client's name.
const LONGEST_CLIENT: usize = 31;

/// Which of the two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum List {
    Users,
    Groups,
}

/// `apiauth NAME [uid=LIST] [gid=LIST]`.
pub(super) fn apiauth(cf: &mut HaCf<'_>, rest: Word<'_>) {
    let mut parts = words(rest, is_blank);
    let Some(client) = parts.next() else {
        cf.bad_line(Code::BadApiauth, None, || "`apiauth` lacks the name of a client".to_owned());
        return;
    };
    if client.text.len() > LONGEST_CLIENT {
        cf.bad_line(Code::BadApiauth, Some(client.mark), || {
            "the client's name has more than 31 bytes".to_owned()
        });
        return;
    }
    let mut seen: [bool; 2] = [false; 2];
    let [users, groups] = &mut seen;
    for word in parts {
        let Some((list, items)) = id_list(word) else {
            cf.bad_line(Code::BadApiauth, Some(word.mark), || {
                format!("{} is neither `uid=LIST` nor `gid=LIST`", quoted(word.text))
            });
            continue;
        };
        let already = match list {
            List::Users => std::mem::replace(users, true),
            List::Groups => std::mem::replace(groups, true),
        };
        if already {
            cf.bad_line(Code::BadApiauth, Some(word.mark), || {
                "this kind of list may be given once".to_owned()
            });
        }
        check_items(cf, list, items);
    }
    if seen == [false; 2] {
        cf.bad_line(Code::BadApiauth, Some(client.mark), || {
            format!("client {} gets neither `uid=` nor `gid=`", quoted(client.text))
        });
    }
    if !cf.draft.api_clients.insert(client.text.to_vec()) {
        cf.bad_line(Code::BadApiauth, Some(client.mark), || {
            format!("client {} has a line already", quoted(client.text))
        });
    }
}

/// `uid=` or `gid=` and what follows.
fn id_list(word: Word<'_>) -> Option<(List, Word<'_>)> {
    let mut grammar = (alt((tag("uid="), tag("gid="))), everything);
    let parsed: nom::IResult<&[u8], (&[u8], &[u8])> = grammar.parse(word.text);
    let (_, (name, items)) = parsed.ok()?;
    let list = if name == b"uid=" { List::Users } else { List::Groups };
    Some((list, word.part(word.text.len() - items.len(), word.text.len())))
}

/// Names must exist, numbers are not looked up; an empty list and doubled commas are accepted, a leading comma is not.
fn check_items(cf: &mut HaCf<'_>, list: List, items: Word<'_>) {
    let mut offset = 0;
    for item in items.text.split(|byte| *byte == b',') {
        let word = items.part(offset, offset + item.len());
        let is_first = offset == 0;
        offset += item.len() + 1;
        if item.is_empty() {
            if is_first && !items.text.is_empty() {
                cf.bad_line(Code::BadApiauth, Some(items.mark), || "the list begins with a comma".to_owned());
            }
            continue;
        }
        if item.iter().all(u8::is_ascii_digit) {
            continue;
        }
        let name = word.lossy();
        let (exists, what) = match list {
            List::Users => (cf.lookup.user_exists(&name), "user"),
            List::Groups => (cf.lookup.group_exists(&name), "group"),
        };
        if !exists {
            cf.error(word.mark, || {
                let message = format!("{what} {} does not exist", quoted(word.text));
                let near = nearest(word.text, ["hacluster", "haclient", "root"]).filter(|near| *near != name);
                let diagnostic = Diagnostic::error(Code::BadApiauth, message);
                match near {
                    Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
                    None => diagnostic.hint(format!("create the {what}, or name one that exists")),
                }
            });
        }
    }
}
