//! ari
