//! fake_asterisk
