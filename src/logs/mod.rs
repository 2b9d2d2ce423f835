//! Log lines for people: how the daemon writes them to a terminal, and how `karipass logs` shows
//! those that it wrote as JSON.

pub(crate) mod json;
pub(crate) mod text;
