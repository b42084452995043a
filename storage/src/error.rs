//! What can go wrong with a store, in words.

use std::fmt;

use crate::url::{Scheme, Url};

/// Why something could not be done with an object.
#[derive(Debug)]
pub struct StoreError {
    /// Which object, or the bucket or prefix.
    pub url: Url,
    /// What happened.
    pub problem: Problem,
}

/// What happened.
#[derive(Debug, PartialEq, Eq)]
pub enum Problem {
    /// There is no such bucket.
    NoBucket,
    /// There is no such object.
    NoObject,
    /// The credentials are missing, wrong, or do not suffice.
    Denied {
        /// What the store says.
        said: String,
    },
    /// The store cannot be reached, or does not answer as it should, though it was asked several times.
    Unreachable {
        /// What happened last.
        said: String,
    },
    /// The store cannot be spoken to as it is configured.
    Configuration {
        /// What is wrong.
        said: String,
    },
    /// The object is another than when the plan was made.
    Changed,
    /// An object of this name was put by somebody else in the meantime.
    Taken,
    /// What was put is not what stands there.
    NotAsPut,
    /// The object is larger than the whole cache.
    TooLarge {
        /// Its size in bytes.
        bytes: u64,
        /// The cache's bound.
        bound: u64,
    },
    /// Everything in the cache is in use.
    Full {
        /// The cache's bound in bytes.
        bound: u64,
    },
    /// The cache, or the file that is put, cannot be read or written.
    Local {
        /// Why.
        said: String,
        /// The disk is full.
        full: bool,
    },
}

/// By what stores refuse credentials, in their own codes and as statuses.
const DENIALS: [&str; 9] = [
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "AuthenticationFailed",
    "AuthorizationFailure",
    "401 Unauthorized",
    "403 Forbidden",
];

impl StoreError {
    pub(crate) fn new(url: &Url, problem: Problem) -> StoreError {
        StoreError { url: url.clone(), problem }
    }

    pub(crate) fn local(url: &Url, what: impl fmt::Display, error: &std::io::Error) -> StoreError {
        let full = error.kind() == std::io::ErrorKind::StorageFull;
        StoreError::new(url, Problem::Local { said: format!("{what}: {error}"), full })
    }

    /// What the interface to the stores says of an object.
    pub(crate) fn of(url: &Url, error: &object_store::Error) -> StoreError {
        use object_store::Error;
        let said = all_words(error);
        let problem = match error {
            _ if said.contains("NoSuchBucket") || said.contains("ContainerNotFound") => Problem::NoBucket,
            Error::NotFound { .. } => Problem::NoObject,
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Problem::Denied { said: short(&said) },
            // A refused listing comes as any other failure.
            _ if DENIALS.iter().any(|denial| said.contains(denial)) => Problem::Denied { said: short(&said) },
            // Nobody gave credentials, and the machine has none of its own to give.
            _ if said.contains("169.254.169.254") || said.contains("metadata.google.internal") => {
                Problem::Denied { said: "no credentials were found".to_owned() }
            }
            Error::InvalidPath { .. } | Error::NotSupported { .. } | Error::UnknownConfigurationKey { .. } => {
                Problem::Configuration { said: short(&said) }
            }
            _ if said.contains("without LOCATION") || said.contains("URL scheme is not allowed") => {
                Problem::Configuration { said: short(&said) }
            }
            _ => Problem::Unreachable { said: short(&said) },
        };
        StoreError::new(url, problem)
    }

    /// Whether the same may succeed later without anybody doing anything.
    pub fn is_passing(&self) -> bool {
        matches!(self.problem, Problem::Unreachable { .. } | Problem::Full { .. } | Problem::NotAsPut)
    }

    /// Whether everything else would fail likewise until somebody does something.
    pub fn concerns_all(&self) -> bool {
        matches!(self.problem, Problem::NoBucket | Problem::Denied { .. } | Problem::Configuration { .. })
            || matches!(self.problem, Problem::Local { full: true, .. })
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.url;
        match &self.problem {
            Problem::NoBucket => {
                let bucket = url.bucket_url();
                write!(f, "{url}: there is no bucket {bucket}. Check its name, and the account and endpoint")
            }
            Problem::NoObject => write!(f, "there is no object {url}. Check its name"),
            Problem::Denied { said } => {
                let set = match url.scheme {
                    Scheme::S3 => "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                    Scheme::Gs => "GOOGLE_SERVICE_ACCOUNT",
                    Scheme::Az => "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
                };
                write!(f, "{url}: access is denied: {said}. Check {set}, and what they may do")
            }
            Problem::Unreachable { said } => {
                write!(
                    f,
                    "{url}: the store cannot be reached: {said}. Check the network and the endpoint, then try again"
                )
            }
            Problem::Configuration { said } => write!(f, "{url}: the store cannot be used as it is configured: {said}"),
            Problem::Changed => write!(f, "{url} is not what it was when the plan was made. Plan again"),
            Problem::Taken => write!(
                f,
                "{url} was put by somebody else in the meantime. Move it away, or choose collision: overwrite or collision: increment"
            ),
            Problem::NotAsPut => write!(f, "{url} does not hold what was put there. Try again"),
            Problem::TooLarge { bytes, bound } => {
                write!(f, "{url} has {bytes} bytes, and the cache may hold {bound}. Raise --cache-size")
            }
            Problem::Full { bound } => {
                write!(f, "{url} finds no room: all {bound} bytes of the cache are in use. Raise --cache-size")
            }
            Problem::Local { said, .. } => write!(f, "{url}: {said}. Check the disk and its permissions"),
        }
    }
}

impl std::error::Error for StoreError {}

/// An error with its causes; the interface's own words leave out the one that counts.
fn all_words(error: &object_store::Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.contains(&more) {
            words += &format!(": {more}");
        }
        cause = error.source();
    }
    words
}

/// What a store said of it, where it did; else all in one line.
fn short(words: &str) -> String {
    let within = |tag: &str| {
        let (_, after) = words.split_once(&format!("<{tag}>"))?;
        Some(after.split_once("</")?.0.trim().to_owned())
    };
    let one_line = || {
        let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
        line.trim_end_matches(['.', ':', ' ']).to_owned()
    };
    match (within("Code"), within("Message")) {
        (Some(code), Some(message)) => format!("{} ({code})", message.trim_end_matches('.')),
        (Some(code), None) => code,
        _ => one_line(),
    }
}
