//! Mutual TLS with rustls by the companion crate `spiffe-rustls`, and an SVID from the Workload API.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use spiffe::{SpiffeId, TrustDomain, X509Source};
use spiffe_rustls::{LocalOnly, authorizer, mtls_client, mtls_server};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

use crate::settings::Settings;
use crate::{Outcome, told};

/// One peer gets this long for its handshake and its line, so that a silent one cannot hold the server.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_LINE_BYTES: u64 = 4096;

pub async fn serve(settings: &Settings) -> Outcome {
    let (source, local) = identity(settings).await?;
    let builder = mtls_server(source.clone()).trust_domain_policy(LocalOnly(local));
    let config = builder.authorize(authorize(settings)?).build()?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(&settings.address).await?;
    println!(
        "{}",
        json!({ "listening": listener.local_addr()?.to_string() })
    );
    let mut answered = 0;
    while settings.count == 0 || answered < settings.count {
        let (connection, _) = listener.accept().await?;
        answered += 1;
        let refused = match timeout(EXCHANGE_TIMEOUT, answer(&acceptor, connection)).await {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => told(error.as_ref()),
            Err(late) => late.to_string(),
        };
        println!("{}", json!({ "refused": refused }));
    }
    Ok(())
}

async fn answer(acceptor: &TlsAcceptor, connection: TcpStream) -> Outcome {
    let mut tls = acceptor.accept(connection).await?;
    let peer = peer_id(tls.get_ref().1.peer_certificates())?;
    let line = read_line(&mut tls).await?;
    println!("{}", json!({ "peer": peer.to_string(), "line": line }));
    tls.write_all(format!("{peer} said {line}\n").as_bytes())
        .await?;
    Ok(tls.shutdown().await?)
}

pub async fn dial(settings: &Settings) -> Outcome {
    let (source, local) = identity(settings).await?;
    let builder = mtls_client(source.clone()).trust_domain_policy(LocalOnly(local));
    let config = builder.authorize(authorize(settings)?).build()?;
    timeout(EXCHANGE_TIMEOUT, async {
        let connection = TcpStream::connect(&settings.address).await?;
        let name = ServerName::from(connection.peer_addr()?.ip());
        let mut tls = TlsConnector::from(Arc::new(config))
            .connect(name, connection)
            .await?;
        let peer = peer_id(tls.get_ref().1.peer_certificates())?;
        tls.write_all(format!("{}\n", settings.line).as_bytes())
            .await?;
        let answer = read_line(&mut tls).await?;
        println!("{}", json!({ "peer": peer.to_string(), "answer": answer }));
        Ok(())
    })
    .await?
}

/// Waits for the first SVID. Only its own trust domain's authorities count.
async fn identity(settings: &Settings) -> Result<(X509Source, TrustDomain), Box<dyn Error>> {
    let source = X509Source::builder()
        .endpoint(&settings.socket)
        .build()
        .await?;
    let local = source.svid()?.spiffe_id().trust_domain().clone();
    Ok((source, local))
}

/// `--authorize` is either a whole SPIFFE ID or a trust domain, and never "anybody".
fn authorize(settings: &Settings) -> Result<Arc<dyn authorizer::Authorizer>, Box<dyn Error>> {
    let named = settings.authorize.as_deref().unwrap_or_default();
    if named.trim_start_matches("spiffe://").contains('/') {
        return Ok(Arc::new(authorizer::exact([SpiffeId::new(named)?])?));
    }
    Ok(Arc::new(authorizer::trust_domains([TrustDomain::new(
        named,
    )?])?))
}

/// The URI name of a certificate that the handshake has verified.
fn peer_id(chain: Option<&[CertificateDer<'_>]>) -> Result<SpiffeId, Box<dyn Error>> {
    let leaf = chain
        .and_then(<[_]>::first)
        .ok_or("the peer has no certificate")?;
    let (_, parsed) = parse_x509_certificate(leaf).map_err(|error| error.to_string())?;
    let names = parsed
        .subject_alternative_name()?
        .ok_or("the peer has no name")?;
    let uris: Vec<&str> = names
        .value
        .general_names
        .iter()
        .filter_map(uri_of)
        .collect();
    match uris.as_slice() {
        [uri] => Ok(SpiffeId::new(uri)?),
        several => Err(format!("the peer has {} URI names", several.len()).into()),
    }
}

fn uri_of<'a>(name: &'a GeneralName<'_>) -> Option<&'a str> {
    match name {
        GeneralName::URI(uri) => Some(uri),
        _ => None,
    }
}

async fn read_line<S: tokio::io::AsyncRead + Unpin>(stream: S) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(stream.take(MAX_LINE_BYTES))
        .read_line(&mut line)
        .await?;
    match line.strip_suffix('\n') {
        Some(whole) => Ok(whole.trim_end_matches('\r').to_owned()),
        None => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the peer sent no whole line",
        )),
    }
}
