//! asterisk
