//! `fake_asterisk`
