//! Tries the entries of a file one by one against its shape, so that one bad entry does not hide the others.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue, ValueDeserializer};

use super::keys;
use super::raw::Raw;

/// An entry that was refused.
pub(super) struct Offence<'p> {
    /// Names from the outermost table to the key.
    pub(super) path: &'p [String],
    /// Where the key stands.
    pub(super) key: Range<usize>,
    /// Where the value stands; for a table with a heading that of the key.
    pub(super) value: Range<usize>,
    /// What is wrong.
    pub(super) problem: Problem,
}

/// What can be wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// No such key or table there.
    UnknownKey,
    /// A table is wanted.
    NotATable,
    /// The key does not take this value.
    BadValue,
}

/// The entries of `tree` that fit; the others are told to `refuse`. A table that does not fit is told once, and nothing
/// in it.
pub(super) fn keep_good<'t>(tree: DeTable<'t>, refuse: &mut dyn FnMut(Offence<'_>)) -> DeTable<'t> {
    let mut path = Path { names: Vec::new(), keys: Vec::new() };
    path.keep_good(tree, refuse)
}

/// The way to an entry.
struct Path<'t> {
    names: Vec<String>,
    keys: Vec<Spanned<DeString<'t>>>,
}

impl<'t> Path<'t> {
    fn keep_good(&mut self, table: DeTable<'t>, refuse: &mut dyn FnMut(Offence<'_>)) -> DeTable<'t> {
        let mut good = DeTable::new();
        for (key, value) in table {
            self.names.push(key.get_ref().clone().into_owned());
            self.keys.push(key.clone());
            if let Some(value) = self.entry(value, refuse) {
                good.insert(key, value);
            }
            self.keys.pop();
            self.names.pop();
        }
        good
    }

    /// The value at the end of the way, less what does not fit in it.
    fn entry(
        &mut self,
        value: Spanned<DeValue<'t>>,
        refuse: &mut dyn FnMut(Offence<'_>),
    ) -> Option<Spanned<DeValue<'t>>> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => {
                // Empty, it shows whether a table may stand here at all.
                let empty = Spanned::new(span.clone(), DeValue::Table(DeTable::new()));
                if !self.fits(empty) {
                    let key = self.key_span();
                    self.refuse(key, refuse);
                    return None;
                }
                let good = self.keep_good(table, refuse);
                Some(Spanned::new(span, DeValue::Table(good)))
            }
            leaf @ (DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)) => {
                let value = Spanned::new(span.clone(), leaf);
                if self.fits(value.clone()) {
                    return Some(value);
                }
                self.refuse(span, refuse);
                None
            }
        }
    }

    /// Whether a file with this entry alone would do.
    fn fits(&self, value: Spanned<DeValue<'t>>) -> bool {
        let file = self.keys.iter().rev().fold(value, |inner, key| {
            let mut table = DeTable::new();
            let span = inner.span();
            table.insert(key.clone(), inner);
            Spanned::new(span, DeValue::Table(table))
        });
        Raw::deserialize(ValueDeserializer::from(file)).is_ok()
    }

    fn key_span(&self) -> Range<usize> {
        self.keys.last().map_or(0..0, Spanned::span)
    }

    fn refuse(&self, value: Range<usize>, refuse: &mut dyn FnMut(Offence<'_>)) {
        let problem = if keys::find(&self.names).is_some() {
            Problem::BadValue
        } else if keys::is_table(&self.names) {
            Problem::NotATable
        } else {
            Problem::UnknownKey
        };
        refuse(Offence { path: &self.names, key: self.key_span(), value, problem });
    }
}
