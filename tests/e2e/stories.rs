//! Stories of callers, each with numbers of its own on the shared system.

mod callers;
mod flows;
mod hang_up;
mod keys;
mod silence;
mod wrong;
