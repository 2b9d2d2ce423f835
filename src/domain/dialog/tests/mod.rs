//! The dialog from the caller's side: keys with their times, and what is heard and stored.

mod behaviour;
mod channel;
mod disconnected;
mod entries;
mod hold;
mod numbers;
mod phone;
mod playbacks;
mod properties;
mod refused_commands;
mod repeats;
mod surroundings;
mod times;
