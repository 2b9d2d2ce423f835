//! The telephone line against a fake Asterisk on the wire and a real database.

mod calls;
mod check;
mod faults;
mod lines;
mod media;
mod overload;
mod refused;
mod rig;
mod several;
mod socket;
