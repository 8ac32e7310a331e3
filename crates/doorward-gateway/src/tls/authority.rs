//! A certificate authority of this node alone, for development and private networks (`--tls self-signed`).
//!
//! It can vouch for the names that it was made for and for no others (RFC 5280 section 4.2.1.10), so that trusting it
//! on a machine does not put the rest of the web into the hands of whoever reads its key file.

use std::{
    fs, io,
    net::IpAddr,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use serde::{Deserialize, Serialize};

use super::PemFiles;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Clocks of two machines differ.
const SKEW: Duration = Duration::from_secs(60 * 60);
const AUTHORITY_LIFE: Duration = DAY.saturating_mul(10 * 365);
/// The longest that browsers accept.
const LEAF_LIFE: Duration = DAY.saturating_mul(397);
/// A certificate that ends sooner than this is made anew.
const RENEW_BEFORE: Duration = DAY.saturating_mul(30);

/// The authority's files in the state directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalAuthority {
    directory: PathBuf,
    is_new: bool,
}

/// Why there is no local authority.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// A file can't be written or read.
    #[error("cannot keep the certificates in `{}`: {source}", path.display())]
    Files {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A key file is damaged.
    #[error("`{}` cannot be read as a key; remove the directory to make a new authority", .0.display())]
    Damaged(PathBuf),
    /// A name can't stand in a certificate.
    #[error("no certificate can be made: {0}")]
    Refused(#[from] rcgen::Error),
}

/// What was made, kept beside the certificates so that nothing has to be parsed back.
#[derive(Debug, Serialize, Deserialize)]
struct Made {
    names: Vec<String>,
    authority_ends: u64,
    leaf_ends: u64,
}

impl LocalAuthority {
    /// Sees that there is an authority for these names, and a certificate that does not end soon. Makes what is missing;
    /// other names need a new authority, which has to be trusted anew.
    ///
    /// # Errors
    ///
    /// When a file can't be kept, or a name can't stand in a certificate.
    pub fn ensure(directory: &Path, names: &[String], now: SystemTime) -> Result<Self, AuthorityError> {
        let mut names: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
        names.sort();
        names.dedup();
        let mut authority = Self { directory: directory.to_owned(), is_new: false };
        let made = authority.made();
        let fits = made.as_ref().is_some_and(|made| made.names == names && !ends_soon(made.authority_ends, now));
        let complete = [authority.path("ca.pem"), authority.path("ca.key")].iter().all(|path| path.exists());
        if !fits || !complete {
            authority.make_authority(&names, now)?;
            authority.make_leaf(&names, now)?;
            authority.is_new = true;
        } else if made.is_none_or(|made| ends_soon(made.leaf_ends, now)) || authority.pair().load().is_err() {
            authority.make_leaf(&names, now)?;
        }
        Ok(authority)
    }

    /// The certificate that the node shows, and its key.
    #[must_use]
    pub fn pair(&self) -> PemFiles {
        PemFiles { certificate: self.path("leaf.pem"), key: self.path("leaf.key") }
    }

    /// The certificate that has to be trusted.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// Whether it was made just now, so that nobody trusts it yet.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// How to trust it, as lines for a person.
    #[must_use]
    pub fn how_to_trust(&self) -> String {
        let path = self.certificate();
        let path = path.display();
        format!(
            "This node vouches for itself: clients must be told to trust `{path}`, which speaks for this node's names only.\n\
             \x20 curl      curl --cacert {path} ...\n\
             \x20 Node      NODE_EXTRA_CA_CERTS={path}\n\
             \x20 Python    SSL_CERT_FILE={path}\n\
             \x20 Debian    sudo cp {path} /usr/local/share/ca-certificates/doorward.crt && sudo update-ca-certificates\n\
             \x20 macOS     security add-trusted-cert -k ~/Library/Keychains/login.keychain-db {path}\n"
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn made(&self) -> Option<Made> {
        serde_json::from_slice(&fs::read(self.path("made.json")).ok()?).ok()
    }

    fn make_authority(&self, names: &[String], now: SystemTime) -> Result<(), AuthorityError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
            .map_err(|source| AuthorityError::Files { path: self.directory.clone(), source })?;
        let key = KeyPair::generate()?;
        let certificate = authority_params(&key, names, now)?.self_signed(&key)?;
        self.write("ca.key", 0o600, key.serialize_pem().as_bytes())?;
        self.write("ca.pem", 0o644, certificate.pem().as_bytes())
    }

    fn make_leaf(&self, names: &[String], now: SystemTime) -> Result<(), AuthorityError> {
        let authority_key = self.path("ca.key");
        let text = fs::read_to_string(&authority_key)
            .map_err(|source| AuthorityError::Files { path: authority_key.clone(), source })?;
        let authority_key = KeyPair::from_pem(&text).map_err(|_| AuthorityError::Damaged(authority_key))?;
        let issuer = Issuer::new(authority_params(&authority_key, names, now)?, &authority_key);
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Doorward");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        lasts(&mut params, now - SKEW, now + LEAF_LIFE - 2 * SKEW);
        let leaf = params.signed_by(&key, &issuer)?;
        let authority = self.path("ca.pem");
        let authority = fs::read_to_string(&authority)
            .map_err(|source| AuthorityError::Files { path: authority.clone(), source })?;
        // The key first: a reader that finds a new certificate must find its key.
        self.write("leaf.key", 0o600, key.serialize_pem().as_bytes())?;
        self.write("leaf.pem", 0o644, format!("{}{authority}", leaf.pem()).as_bytes())?;
        let before = self.made().filter(|made| made.names == names && !ends_soon(made.authority_ends, now));
        let made = Made {
            names: names.to_vec(),
            authority_ends: before.map_or_else(|| seconds(now + AUTHORITY_LIFE), |made| made.authority_ends),
            leaf_ends: seconds(now + LEAF_LIFE),
        };
        let made = serde_json::to_vec(&made)
            .map_err(|error| AuthorityError::Files { path: self.path("made.json"), source: error.into() })?;
        self.write("made.json", 0o644, &made)
    }

    /// Writes a file in one step, readable by nobody else from its first byte on if `mode` says so.
    fn write(&self, name: &str, mode: u32, bytes: &[u8]) -> Result<(), AuthorityError> {
        let path = self.path(name);
        let draft = self.path(&format!("{name}.new"));
        let written = || {
            match fs::remove_file(&draft) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
            io::Write::write_all(&mut file, bytes)?;
            file.sync_all()?;
            fs::rename(&draft, &path)
        };
        written().map_err(|source| AuthorityError::Files { path: path.clone(), source })
    }
}

/// The same for the same key, so that the authority need not be read back from its certificate.
fn authority_params(key: &KeyPair, names: &[String], now: SystemTime) -> Result<CertificateParams, AuthorityError> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    let mark: String = key.public_key_raw().iter().skip(1).take(4).map(|byte| format!("{byte:02x}")).collect();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Doorward local authority {mark}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let permitted_subtrees = names.iter().map(|name| match name.parse::<IpAddr>() {
        Ok(address) => {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, bits))
        }
        Err(_) => GeneralSubtree::DnsName(name.clone()),
    });
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees: permitted_subtrees.collect(), excluded_subtrees: Vec::new() });
    lasts(&mut params, now - SKEW, now + AUTHORITY_LIFE);
    Ok(params)
}

fn ends_soon(end: u64, now: SystemTime) -> bool {
    end < seconds(now + RENEW_BEFORE)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Sets from when to when a certificate is good. X.509 knows no time beyond the year 9999.
fn lasts(params: &mut CertificateParams, from: SystemTime, to: SystemTime) {
    let since_epoch = |time| Duration::from_secs(seconds(time).min(200_000_000_000));
    params.not_before = date_time_ymd(1970, 1, 1) + since_epoch(from);
    params.not_after = date_time_ymd(1970, 1, 1) + since_epoch(to);
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn at(days: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000) + DAY * u32::try_from(days).unwrap()
    }

    fn ensure(directory: &Path, name: &str, now: SystemTime) -> LocalAuthority {
        LocalAuthority::ensure(&directory.join("tls"), &[name.to_owned()], now).unwrap()
    }

    fn contents(authority: &LocalAuthority) -> [Vec<u8>; 2] {
        [authority.certificate(), authority.pair().certificate].map(|path| fs::read(path).unwrap())
    }

    #[test]
    fn it_is_made_once_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        let first = ensure(directory.path(), "mcp.example.com", at(0));
        assert!(first.is_new());
        let before = contents(&first);
        let second = ensure(directory.path(), "MCP.example.com", at(100));
        assert!(!second.is_new());
        assert_eq!(contents(&second), before);
        first.pair().load().unwrap();
    }

    #[test]
    fn keys_are_for_the_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let authority = ensure(directory.path(), "a.test", at(0));
        for (name, mode) in [("ca.key", 0o600), ("leaf.key", 0o600), ("", 0o700)] {
            let found = fs::metadata(authority.path(name)).unwrap().permissions().mode() & 0o777;
            assert_eq!(found, mode, "{name}");
        }
    }

    #[test]
    fn a_certificate_that_ends_soon_is_renewed_under_the_same_authority() {
        let directory = tempfile::tempdir().unwrap();
        let [authority, leaf] = contents(&ensure(directory.path(), "a.test", at(0)));
        let renewed = ensure(directory.path(), "a.test", at(380));
        let [same, other] = contents(&renewed);
        assert!(!renewed.is_new());
        assert_eq!(same, authority);
        assert_ne!(other, leaf);
    }

    #[test]
    fn other_names_or_old_age_need_a_new_authority() {
        let directory = tempfile::tempdir().unwrap();
        let before = contents(&ensure(directory.path(), "a.test", at(0)));
        let other = ensure(directory.path(), "b.test", at(1));
        assert!(other.is_new());
        assert_ne!(contents(&other), before);
        assert!(ensure(directory.path(), "b.test", at(3640)).is_new());
    }

    #[test]
    fn a_lost_leaf_is_made_anew_and_a_damaged_key_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let authority = ensure(directory.path(), "a.test", at(0));
        fs::remove_file(authority.pair().key).unwrap();
        ensure(directory.path(), "a.test", at(0)).pair().load().unwrap();
        fs::write(authority.path("ca.key"), "nonsense").unwrap();
        fs::remove_file(authority.pair().key).unwrap();
        let refused = LocalAuthority::ensure(&directory.path().join("tls"), &["a.test".to_owned()], at(0));
        assert!(matches!(refused, Err(AuthorityError::Damaged(_))));
    }
}
