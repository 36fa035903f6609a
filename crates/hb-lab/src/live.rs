//! The live lab: a cluster that one can watch and hurt, as a picture in a terminal or as plain lines.

mod actions;
mod picture;
mod plain;
mod screen;
mod view;

pub(crate) use plain::plain;
pub(crate) use screen::screen;
