//! Encrypted connections.

#[cfg(feature = "tls")]
pub(crate) use rustls::Tls;
#[cfg(not(feature = "tls"))]
pub(crate) use without::Tls;

#[cfg(feature = "tls")]
mod rustls {
    use std::path::Path;
    use std::sync::Arc;

    use redis::RedisResult;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{ClientConfig, RootCertStore};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::client::TlsStream;

    /// What is trusted, read once: reading the system's certificates takes longer than a call may.
    #[derive(Clone)]
    pub(crate) struct Tls(TlsConnector);

    impl Tls {
        /// Trusts the certificates in this file, or those of the system.
        pub(crate) fn new(ca_file: Option<&Path>) -> Result<Self, String> {
            let roots = match ca_file {
                Some(file) => roots_of_file(file)?,
                None => roots_of_system()?,
            };
            // Named here: a program may link several providers, and rustls then chooses none by itself.
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| error.to_string())?
                .with_root_certificates(roots)
                .with_no_client_auth();
            Ok(Self(TlsConnector::from(Arc::new(config))))
        }

        pub(crate) async fn connect(
            &self,
            host: &str,
            stream: TcpStream,
        ) -> RedisResult<TlsStream<TcpStream>> {
            let name = ServerName::try_from(host.to_owned()).map_err(std::io::Error::other)?;
            Ok(self.0.connect(name, stream).await?)
        }
    }

    fn roots_of_file(file: &Path) -> Result<RootCertStore, String> {
        let unreadable = |error| {
            format!("the ca_file {} must hold certificates in PEM: {error}", file.display())
        };
        let certificates = CertificateDer::pem_file_iter(file);
        let certificates = certificates.map_err(|error| unreadable(error.to_string()))?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
            roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(unreadable("it holds none".to_owned()));
        }
        Ok(roots)
    }

    fn roots_of_system() -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err("the system has no root certificates: add ?ca_file=FILE".to_owned());
        }
        Ok(roots)
    }

    impl std::fmt::Debug for Tls {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Tls").finish_non_exhaustive()
        }
    }
}

#[cfg(not(feature = "tls"))]
mod without {
    use std::path::Path;

    use redis::RedisResult;
    use tokio::net::TcpStream;

    /// There is no value of this type.
    #[derive(Clone, Debug)]
    pub(crate) enum Tls {}

    impl Tls {
        pub(crate) fn new(_ca_file: Option<&Path>) -> Result<Self, String> {
            Err("an encrypted connection needs the feature `tls` of dualkey-redis".to_owned())
        }

        pub(crate) async fn connect(
            &self,
            _host: &str,
            _stream: TcpStream,
        ) -> RedisResult<TcpStream> {
            match *self {}
        }
    }
}
