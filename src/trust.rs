//! Which certificate authorities a connection to DynamoDB trusts.
//!
//! AWS's endpoints have certificates of Amazon's own authorities, which are the five in
//! `amazon-roots.pem`. The system's bundle has some 140, and reading them takes longer than all else
//! of the function's start. So it is read only where it is needed: where `SSL_CERT_FILE` or
//! `SSL_CERT_DIR` names another, or once a server has a certificate of another authority.
//!
//! Source: Amazon Trust Services' repository, `https://www.amazontrust.com/repository/`.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::result::ConnectorError;

use crate::config::variable;

const AMAZON_ROOTS: &str = include_str!("amazon-roots.pem");
/// The variables by which OpenSSL, and rustls after it, is told where certificates are.
const VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Whether a server was met whose certificate is not of Amazon.
static SYSTEM: AtomicBool = AtomicBool::new(false);

/// An HTTP client with TLS that trusts whom it has to.
pub fn https_client() -> SharedHttpClient {
    let is_told = || VARIABLES.into_iter().any(|name| variable(name).is_ok());
    let roots = match is_system_trusted() || is_told() {
        true => TrustStore::default(),
        false => TrustStore::empty().with_pem_certificate(AMAZON_ROOTS),
    };
    let builder = aws_smithy_http_client::Builder::new();
    let builder = builder.tls_provider(Provider::Rustls(CryptoMode::Ring));
    match TlsContext::builder().with_trust_store(roots).build() {
        Ok(context) => builder.tls_context(context).build_https(),
        // Only other ways of building it can fail.
        Err(_) => builder.build_https(),
    }
}

/// Whether a connection failed because its server's authority is not trusted.
pub fn is_unknown_issuer(error: &ConnectorError) -> bool {
    // The error of rustls is some layers below.
    format!("{error:?}").contains("UnknownIssuer")
}

/// Whether clients that are made now trust whom the system trusts, whatever the server.
pub fn is_system_trusted() -> bool {
    SYSTEM.load(Ordering::Relaxed)
}

/// Lets clients that are made from now on trust whom the system trusts.
pub fn trust_the_system() {
    SYSTEM.store(true, Ordering::Relaxed);
}
