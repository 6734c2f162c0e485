use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// What decides on a limit while the shared limits do not answer.
///
/// ```
/// use dualkey_shared::OutagePolicy;
///
/// assert_eq!("local/3".parse::<OutagePolicy>()?.to_string(), "local/3");
/// assert_eq!("refuse".parse::<OutagePolicy>()?, OutagePolicy::Refuse);
/// assert!("open".parse::<OutagePolicy>().is_err());
/// # Ok::<(), dualkey_shared::InvalidOutagePolicy>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutagePolicy {
    /// Requests are refused, with the status 503.
    #[default]
    Refuse,
    /// Each process decides on its own, by the limit divided by this number of processes. What is left of
    /// it is at least one permit, and for the rate at least one permit a day.
    Local {
        /// The number of processes among which the limit is divided. One: each process has the whole limit.
        processes: NonZeroU32,
    },
}

/// What decides on each of a partner's limits while the shared limits do not answer. By default, requests
/// are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutagePolicies {
    /// For rate and burst.
    pub burst: OutagePolicy,
    /// For the quota of the day. It matters only for partners that have one.
    pub quota: OutagePolicy,
}

/// The text of an outage policy is not `refuse`, `local`, or `local/` and a number above zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidOutagePolicy;

impl OutagePolicy {
    /// Each process decides by the whole limit.
    pub const LOCAL: Self = Self::Local { processes: NonZeroU32::MIN };

    /// The number of processes that share the limit, or `None` if requests are refused.
    pub(crate) const fn processes(self) -> Option<NonZeroU32> {
        match self {
            Self::Refuse => None,
            Self::Local { processes } => Some(processes),
        }
    }
}

/// `refuse`, `local` or `local/3`.
impl fmt::Display for OutagePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refuse => f.write_str("refuse"),
            Self::Local { processes: NonZeroU32::MIN } => f.write_str("local"),
            Self::Local { processes } => write!(f, "local/{processes}"),
        }
    }
}

impl FromStr for OutagePolicy {
    type Err = InvalidOutagePolicy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "local" => Ok(Self::LOCAL),
            _ => {
                let processes = text.strip_prefix("local/").ok_or(InvalidOutagePolicy)?;
                let processes = processes.parse().map_err(|_| InvalidOutagePolicy)?;
                Ok(Self::Local { processes })
            }
        }
    }
}

impl fmt::Display for InvalidOutagePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "write `refuse`, `local`, or `local/` and the number of processes, such as `local/3`",
        )
    }
}

impl std::error::Error for InvalidOutagePolicy {}
