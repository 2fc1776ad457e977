//! A server whose certificate, or whose TLS, is not as it should be: what it serves is never read, and the message says why without a
//! raw character.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use openclaw_verify_core::registry::{Cache, Client, FetchError, FetchLimits, NpmConfig, block_on};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// An authority of these tests alone.
struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

/// What a server does once it was connected to.
#[derive(Clone, Copy)]
enum Does {
    /// Answers.
    Serves,
    /// States more than it sends.
    StopsInTheBody,
    /// Hangs up before it says anything.
    HangsUp,
    /// Speaks HTTP without TLS.
    SpeaksPlainly,
    /// Sends bytes that are no TLS and that a terminal would obey.
    SendsNoise,
    /// Leads to an address without TLS.
    LeadsOut,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let name = "authority of these tests";
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        (params.not_before, params.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(2090, 1, 1));
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("key");
        Self { params, key }
    }

    fn pem(&self) -> String {
        self.params.self_signed(&self.key).expect("authority").pem()
    }

    /// A server with a certificate for `name` that ends in `until`; its port.
    fn server(&self, name: &str, until: i32, does: Does) -> u16 {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("name");
        (params.not_before, params.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(until, 1, 1));
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("key");
        let issuer = Issuer::from_params(&self.params, &self.key);
        let leaf = params.signed_by(&key, &issuer).expect("certificate");
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], private)
            .expect("configuration");
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("port");
        let port = listener.local_addr().expect("address").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that refuses hangs up, which is what is tested.
                let _ = answer(stream, Arc::clone(&config), does);
            }
        });
        port
    }
}

fn answer(
    mut stream: TcpStream,
    config: Arc<rustls::ServerConfig>,
    does: Does,
) -> std::io::Result<()> {
    let plain = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nevil";
    match does {
        Does::HangsUp => return Ok(()),
        Does::SpeaksPlainly => return stream.write_all(plain),
        Does::SendsNoise => return stream.write_all(b"\x1b[2J\x1b]0;x\x07\xc2\x9b31m\r\n\r\n"),
        _ => {}
    }
    let connection = rustls::ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut tls = rustls::StreamOwned::new(connection, stream);
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        tls.read_exact(&mut byte)?;
        request.extend(byte);
    }
    tls.write_all(match does {
        Does::StopsInTheBody => {
            b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\nconnection: close\r\n\r\ngood"
        }
        Does::LeadsOut => {
            b"HTTP/1.1 302 Found\r\nlocation: http://example.org/x\r\ncontent-length: 0\r\n\r\n"
        }
        _ => b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\ngood",
    })?;
    tls.conn.send_close_notify();
    tls.flush()
}

/// What comes from `port`, with `authority` among those that count.
fn fetched(folder: &Path, port: u16, authority: Option<&Authority>) -> Result<Vec<u8>, FetchError> {
    let mut config = NpmConfig::default();
    if let Some(authority) = authority {
        let file = folder.join("authority.pem");
        std::fs::write(&file, authority.pem()).expect("authority");
        config.cafile = Some(file);
    }
    let mut limits = FetchLimits::default();
    limits.attempts = 1;
    // Long, so that a busy machine is not taken for a silent server.
    limits.metadata = Duration::from_secs(120);
    let client = Client::new(config, limits, Cache::new(folder)).expect("client");
    let url = format!("https://127.0.0.1:{port}/reviews.toml");
    let mut answers = block_on(client.files(&[url], 1 << 20)).expect("a runtime");
    answers.remove(0)
}

#[test]
fn only_a_server_that_proves_its_name_is_read() {
    let folder = tempfile::tempdir().expect("folder");
    let (known, other) = (Authority::new(), Authority::new());
    let of = |authority: &Authority, name: &str, until, does| {
        let port = authority.server(name, until, does);
        fetched(folder.path(), port, Some(&known))
    };
    let good = of(&known, "127.0.0.1", 2080, Does::Serves);
    assert_eq!(good.as_deref(), Ok(&b"good"[..]));
    for (what, answer) in [
        (
            "another authority",
            of(&other, "127.0.0.1", 2080, Does::Serves),
        ),
        (
            "another name",
            of(&known, "example.org", 2080, Does::Serves),
        ),
        ("expired", of(&known, "127.0.0.1", 2021, Does::Serves)),
        (
            "cut off",
            of(&known, "127.0.0.1", 2080, Does::StopsInTheBody),
        ),
        ("hangs up", of(&known, "127.0.0.1", 2080, Does::HangsUp)),
        ("plain", of(&known, "127.0.0.1", 2080, Does::SpeaksPlainly)),
        ("noise", of(&known, "127.0.0.1", 2080, Does::SendsNoise)),
    ] {
        let Err(FetchError::Network(why)) = &answer else {
            panic!("{what}: {answer:?}");
        };
        let raw = |c: char| c.is_control();
        assert!(!why.is_empty() && !why.contains(raw), "{what}: {why:?}");
    }
    let led = of(&known, "127.0.0.1", 2080, Does::LeadsOut);
    assert!(matches!(led, Err(FetchError::Redirected(_))), "{led:?}");
    // No authority counts that the caller did not name.
    let port = known.server("127.0.0.1", 2080, Does::Serves);
    let unknown = fetched(folder.path(), port, None);
    assert!(
        matches!(unknown, Err(FetchError::Network(_))),
        "{unknown:?}"
    );
}
