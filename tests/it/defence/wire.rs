//! Connections byte by byte, without and with TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};

const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

/// A request that a site answers with 404 if it answers at all.
pub const ASK: &[u8] = b"GET /api/v1/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A connection over TLS.
pub type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A connection without TLS.
pub fn plain(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(ANSWER_TIMEOUT)).unwrap();
    stream
}

/// A client that trusts these certificates, in these versions of TLS.
pub fn client(
    certificates: &[&Path],
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    ClientConnection::new(Arc::new(config), "127.0.0.1".try_into().unwrap()).unwrap()
}

/// A connection after its handshake, or the error.
pub fn shaken(address: &str, mut client: ClientConnection) -> std::io::Result<Tls> {
    let mut stream = plain(address);
    while client.is_handshaking() {
        client.complete_io(&mut stream)?;
    }
    Ok(StreamOwned::new(client, stream))
}

/// Status and body of the answer to `request`; the connection stays.
pub fn ask(stream: &mut (impl Read + Write), request: &[u8]) -> (u16, String) {
    stream.write_all(request).unwrap();
    stream.flush().unwrap();
    answer(stream)
}

/// Status and body of the next answer.
pub fn answer(stream: &mut impl Read) -> (u16, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).unwrap();
    (status, String::from_utf8(body).unwrap())
}
