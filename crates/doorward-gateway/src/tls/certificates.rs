//! A certificate with its key, read from files and read again when they change.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::sync::Notify;

/// How often the files are looked at.
const PERIOD: Duration = Duration::from_secs(5);
/// Largest file that is read.
const LARGEST: u64 = 1024 * 1024;

/// Where a certificate chain and its private key stand, both as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PemFiles {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// Why a certificate can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file can't be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// No certificate in the file.
    #[error("`{}` holds no PEM certificate; it must begin with `-----BEGIN CERTIFICATE-----`", .0.display())]
    NoCertificate(PathBuf),
    /// No private key in the file.
    #[error("`{}` holds no PEM private key; it must begin with `-----BEGIN PRIVATE KEY-----`", .0.display())]
    NoKey(PathBuf),
    /// The key is of no kind that is spoken.
    #[error("the private key in `{}` cannot be used: it must be ECDSA P-256, P-384 or P-521, Ed25519 or RSA", .0.display())]
    UnusableKey(PathBuf),
    /// Key and certificate belong to different pairs.
    #[error("the private key in `{}` does not belong to the certificate in `{}`", .0.key.display(), .0.certificate.display())]
    Mismatch(PemFiles),
    /// The cryptographic provider refused.
    #[error("TLS cannot be set up: {0}")]
    Provider(rustls::Error),
}

impl PemFiles {
    /// Reads both and sees that they belong together.
    ///
    /// # Errors
    ///
    /// Each names the file and what is wrong with it, never what is in it.
    pub fn load(&self) -> Result<CertifiedKey, TlsError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read(&self.certificate)?)
            .collect::<Result<_, _>>()
            .map_err(|_| TlsError::NoCertificate(self.certificate.clone()))?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate(self.certificate.clone()));
        }
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?).map_err(|_| TlsError::NoKey(self.key.clone()))?;
        let key = super::provider()
            .key_provider
            .load_private_key(key)
            .map_err(|_| TlsError::UnusableKey(self.key.clone()))?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) => Ok(certified),
            Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(certified),
            Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::Mismatch(self.clone())),
            Err(_) => Err(TlsError::NoCertificate(self.certificate.clone())),
        }
    }

    /// What tells whether a file was changed, without reading it.
    fn stamp(&self) -> [Option<(SystemTime, u64)>; 2] {
        [&self.certificate, &self.key].map(|path| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |source| TlsError::Unreadable { path: path.to_owned(), source };
    let length = fs::metadata(path).map_err(unreadable)?.len();
    if length > LARGEST {
        return Err(unreadable(io::Error::other("the file is too large for a certificate or a key")));
    }
    fs::read(path).map_err(unreadable)
}

/// The certificate that handshakes are answered with: always a working one.
pub struct Certificates {
    current: ArcSwap<CertifiedKey>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificates")
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl Certificates {
    /// Reads the files for the first time.
    ///
    /// # Errors
    ///
    /// As [`PemFiles::load`].
    pub fn load(files: &PemFiles) -> Result<Arc<Self>, TlsError> {
        Ok(Arc::new(Self { current: ArcSwap::from_pointee(files.load()?) }))
    }

    /// Reads the files again. When they can't be used the old certificate stays.
    ///
    /// # Errors
    ///
    /// As [`PemFiles::load`].
    pub fn reload(&self, files: &PemFiles) -> Result<(), TlsError> {
        self.current.store(Arc::new(files.load()?));
        Ok(())
    }

    /// Looks at the files every few seconds, and at once when `now` is notified, and takes what changed. A pair that can't
    /// be used, such as a certificate whose key is still to be written, is told once and tried again at the next change.
    /// Runs until it is dropped.
    pub async fn follow(&self, files: PemFiles, now: &Notify) {
        let mut seen = files.stamp();
        loop {
            let forced = tokio::select! {
                () = tokio::time::sleep(PERIOD) => false,
                () = now.notified() => true,
            };
            let stamp = files.stamp();
            if stamp == seen && !forced {
                continue;
            }
            seen = stamp;
            match self.reload(&files) {
                Ok(()) => {
                    tracing::info!(certificate = %files.certificate.display(), "certificate read again");
                }
                Err(error) => {
                    tracing::error!(%error, "the new certificate cannot be used; the old one stays");
                }
            }
        }
    }
}
