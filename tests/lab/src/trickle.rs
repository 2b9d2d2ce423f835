//! A connection that sends one byte now and then.

use std::io::{self, ErrorKind, Write as _};
use std::net::TcpStream;

/// A connection with the bytes that it has yet to send.
pub struct Trickle {
    stream: TcpStream,
    bytes: std::vec::IntoIter<u8>,
}

impl Trickle {
    /// A connection that has these bytes to send.
    pub fn new(stream: TcpStream, bytes: Vec<u8>) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { stream, bytes: bytes.into_iter() })
    }

    /// Sends one more byte; returns whether the server still holds the connection.
    pub fn say_byte(&mut self) -> bool {
        if let Some(byte) = self.bytes.next()
            && self.stream.write(&[byte]).is_err()
        {
            return false;
        }
        // To the end of the stream, if it has one yet.
        let read = io::copy(&mut self.stream, &mut io::sink());
        read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}
