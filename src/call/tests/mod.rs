//! The dialog from the caller's side: what is keyed and when, what is heard and stored.
