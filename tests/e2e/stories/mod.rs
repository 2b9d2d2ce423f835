//! Stories of callers, each with its own numbers on the shared system.

mod callers;
mod flows;
mod hang_up;
mod keys;
mod silence;
mod wrong;
