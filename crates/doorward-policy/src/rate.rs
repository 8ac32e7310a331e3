//! How often something may happen.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use governor::Quota;

/// The highest count: more is no limit, and finer than the clock can tell apart.
const MAX_COUNT: u32 = 1_000_000;

/// So many times in so long, written `5/s`, `30/min` or `1000/h`.
///
/// The whole count may be used at once; it then comes back evenly (GCRA).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rate {
    count: NonZeroU32,
    per: Period,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Period {
    Second,
    Minute,
    Hour,
}

impl Rate {
    /// So many times a second. `None` for zero or more than a million.
    #[must_use]
    pub fn per_second(count: u32) -> Option<Self> {
        Self::new(count, Period::Second)
    }

    /// So many times a minute. `None` for zero or more than a million.
    #[must_use]
    pub fn per_minute(count: u32) -> Option<Self> {
        Self::new(count, Period::Minute)
    }

    /// So many times an hour. `None` for zero or more than a million.
    #[must_use]
    pub fn per_hour(count: u32) -> Option<Self> {
        Self::new(count, Period::Hour)
    }

    fn new(count: u32, per: Period) -> Option<Self> {
        NonZeroU32::new(count).filter(|count| count.get() <= MAX_COUNT).map(|count| Self { count, per })
    }

    /// How many times.
    #[must_use]
    pub fn count(self) -> u32 {
        self.count.get()
    }

    /// In how long.
    #[must_use]
    pub fn period(self) -> Duration {
        Duration::from_secs(match self.per {
            Period::Second => 1,
            Period::Minute => 60,
            Period::Hour => 3600,
        })
    }

    pub(crate) fn quota(self) -> Quota {
        match self.per {
            Period::Second => Quota::per_second(self.count),
            Period::Minute => Quota::per_minute(self.count),
            Period::Hour => Quota::per_hour(self.count),
        }
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (count, per) = text.split_once('/').ok_or(RateError::Form)?;
        // `u32::from_str` takes a sign, and so would read `+5` as a rate.
        if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(RateError::Form);
        }
        let per = match per {
            "s" => Period::Second,
            "min" => Period::Minute,
            "h" => Period::Hour,
            _ => return Err(RateError::Period),
        };
        let count = count.parse::<u32>().map_err(|_| RateError::Count)?;
        Self::new(count, per).ok_or(RateError::Count)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = match self.per {
            Period::Second => "s",
            Period::Minute => "min",
            Period::Hour => "h",
        };
        write!(f, "{}/{per}", self.count)
    }
}

/// Why a text is not a [`Rate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Not a number, a slash and a period.
    #[error("a limit is a number, a slash and a period; write for example `30/min`")]
    Form,
    /// A period that is not known.
    #[error("the period of a limit is `s`, `min` or `h`; write for example `5/s`, `30/min` or `1000/h`")]
    Period,
    /// Zero or too many.
    #[error("the number of a limit lies between 1 and {MAX_COUNT}; to forbid something, write no rule for it")]
    Count,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_forms_are_read() {
        for (text, count, seconds) in [("30/min", 30, 60), ("5/s", 5, 1), ("1000/h", 1000, 3600)] {
            let rate: Rate = text.parse().expect(text);
            assert_eq!((rate.count(), rate.period().as_secs()), (count, seconds));
            assert_eq!(rate.to_string(), text);
        }
    }

    #[test]
    fn everything_else_is_refused_with_an_example() {
        for text in [
            "",
            "30",
            "/min",
            "30/",
            "30/m",
            "30/minute",
            "30 /min",
            "30/ min",
            "-1/s",
            "+5/s",
            "0/s",
            "1.5/s",
            "5/s/s",
            "1000001/s",
            "99999999999/h",
            "５/s",
            "0x5/s",
        ] {
            let error = text.parse::<Rate>().expect_err(text);
            assert!(!error.to_string().is_empty(), "{text}");
        }
    }
}
