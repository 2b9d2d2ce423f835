//! Log lines as text: how the daemon writes them to a terminal, and how `karipass logs` shows JSON
//! lines.

pub(crate) mod json;
pub(crate) mod text;

/// Whether this target of a line or span is of this program, and not of a library.
pub(crate) fn is_ours(target: &str) -> bool {
    target == "karipass" || target.starts_with("karipass::")
}
