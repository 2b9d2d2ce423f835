//! A stream that can be evicted. It then reads as closed by its client; requests in progress are
//! still answered.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::connection_limit::ConnectionLimiter;

/// A client's stream within the limits of a [`ConnectionLimiter`].
#[derive(Debug)]
pub(super) struct EvictableStream {
    stream: TcpStream,
    /// Resolves when the connection is evicted.
    evicted: Option<oneshot::Receiver<()>>,
    /// Whose handshake the first bytes begin.
    handshake: Option<(ConnectionLimiter, IpAddr)>,
    is_closed: bool,
}

impl EvictableStream {
    pub(super) fn new(
        stream: TcpStream,
        evicted: oneshot::Receiver<()>,
        handshake: Option<(ConnectionLimiter, IpAddr)>,
    ) -> Self {
        Self { stream, evicted: Some(evicted), handshake, is_closed: false }
    }
}

impl AsyncRead for EvictableStream {
    /// Reads end of file once the connection is evicted.
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(evicted) = &mut self.evicted
            && let Poll::Ready(signal) = Pin::new(evicted).poll(context)
        {
            self.evicted = None;
            self.is_closed |= signal.is_ok();
        }
        if self.is_closed {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before
            && let Some((limiter, address)) = self.handshake.take()
            && !limiter.try_begin_handshake(address)
        {
            buffer.set_filled(before);
            self.is_closed = true;
        }
        read
    }
}

impl AsyncWrite for EvictableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
