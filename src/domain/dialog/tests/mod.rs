//! The dialog from the caller's side: what is keyed and when, what is heard and stored.

mod behaviour;
mod channel;
mod cut_off;
mod entries;
mod hold;
mod news;
mod numbers;
mod phone;
mod properties;
mod refused;
mod repeats;
mod times;
mod world;
