//! Log lines as text: how the daemon writes them to a terminal, and how `karipass logs` shows JSON
//! lines.

pub(crate) mod json;
pub(crate) mod text;
