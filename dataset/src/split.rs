//! Which source group belongs to which split.
//!
//! Each group is placed by itself: a hash of the seed and the group's name gives a number between 0 and 1, and the splits
//! divide that range by their shares in the order of their names. So a group stays where it is whatever other groups come
//! or go, and nobody need keep a list. The price is that shares are met only on average: of few groups, a small split may
//! get none, which is told. Splits are drawn before anything is expanded into tones and draws, so that all that was made
//! of one source lies in one split.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::Named;

/// The split that tones are held out for.
pub const TEST: &str = "test";

/// The splits with their shares, which sum to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Named", into = "Named")]
#[schemars(with = "Named")]
pub struct Shares(Named);

/// Why shares are none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SharesError {
    /// There is no split.
    #[error("no split is named. Write train=0.8,valid=0.1,test=0.1")]
    None,
    /// A split is not written as `name=share`.
    #[error("\"{0}\" is no split with a share. Write train=0.8,valid=0.1,test=0.1")]
    Form(String),
    /// A split's name cannot be one.
    #[error("\"{0}\" cannot be the name of a split: use letters, digits and _, a letter first")]
    Name(String),
    /// A split is named twice.
    #[error("the split {0} is named twice")]
    Twice(String),
    /// A share is not above 0 and up to 1.
    #[error("the share of {name}, {share}, is not above 0 and up to 1. Leave out a split that is to be empty")]
    Share {
        /// The split.
        name: String,
        /// Its share.
        share: f64,
    },
    /// The shares do not sum to 1.
    #[error("the shares of {names} sum to {sum}, not to 1. Change one of them, or name the split that lacks")]
    Sum {
        /// The splits.
        names: String,
        /// What they sum to.
        sum: f64,
    },
}

impl Default for Shares {
    /// Everything in `train`.
    fn default() -> Shares {
        Shares(Named::from([("train".to_owned(), 1.0)]))
    }
}

impl TryFrom<Named> for Shares {
    type Error = SharesError;

    fn try_from(named: Named) -> Result<Shares, SharesError> {
        if named.is_empty() {
            return Err(SharesError::None);
        }
        for (name, share) in &named {
            let letter_first = name.starts_with(|c: char| c.is_ascii_alphabetic());
            // Hugging Face takes no other characters in the name of a split.
            if !letter_first || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(SharesError::Name(name.clone()));
            }
            if !(*share > 0.0 && *share <= 1.0) {
                return Err(SharesError::Share { name: name.clone(), share: *share });
            }
        }
        let sum: f64 = named.values().sum();
        // Tenths are not exact in binary, and thirds are written with few digits.
        if (sum - 1.0).abs() > 1e-3 {
            let names = named.keys().cloned().collect::<Vec<_>>().join(", ");
            return Err(SharesError::Sum { names, sum });
        }
        Ok(Shares(named))
    }
}

impl From<Shares> for Named {
    fn from(shares: Shares) -> Named {
        shares.0
    }
}

impl FromStr for Shares {
    type Err = SharesError;

    fn from_str(text: &str) -> Result<Shares, SharesError> {
        let mut named = Named::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let form = || SharesError::Form(part.to_owned());
            let (name, share) = part.split_once('=').ok_or_else(form)?;
            let share = share.trim().parse().map_err(|_| form())?;
            if named.insert(name.trim().to_owned(), share).is_some() {
                return Err(SharesError::Twice(name.trim().to_owned()));
            }
        }
        Shares::try_from(named)
    }
}

impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(|(name, share)| format!("{name}={share}")).collect();
        f.write_str(&parts.join(","))
    }
}

impl Shares {
    /// Whether everything is in one split, `train`.
    pub fn is_single(&self) -> bool {
        *self == Shares::default()
    }

    /// The splits in the order of their names, with their shares.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, share)| (name.as_str(), *share))
    }

    /// Whether there is a split of this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The split of a group. Depends on the seed, the group's name and the shares alone.
    pub fn of(&self, seed: u64, group: &str) -> &str {
        let place = place(seed, group);
        let total: f64 = self.0.values().sum();
        let mut upper = 0.0;
        for (name, share) in &self.0 {
            upper += share / total;
            if place < upper {
                return name;
            }
        }
        self.0.keys().next_back().expect("there is a split")
    }
}

/// A group's place in the range from 0 up to 1.
fn place(seed: u64, group: &str) -> f64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"tonemill split 1").update(&seed.to_le_bytes()).update(group.as_bytes());
    let bytes: [u8; 8] = hasher.finalize().as_bytes()[..8].try_into().expect("a hash has 32 bytes");
    // 53 bits are what a double holds exactly.
    (u64::from_le_bytes(bytes) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn shares(text: &str) -> Shares {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn shares_are_met_over_many_groups() {
        let shares = shares("train=0.8,valid=0.1,test=0.1");
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for group in 0..10_000 {
            *counts.entry(shares.of(425, &format!("group {group}"))).or_default() += 1;
        }
        // Five standard deviations of a binomial draw: 200 and 150.
        assert!(counts["train"].abs_diff(8000) < 200, "{counts:?}");
        assert!(counts["valid"].abs_diff(1000) < 150 && counts["test"].abs_diff(1000) < 150, "{counts:?}");
    }

    #[test]
    fn a_group_lies_where_it_lay_in_the_first_version() {
        // Another hash would silently move what others have trained on into their test split.
        let shares = shares("train=0.5,test=0.5");
        let placed: String = (0..16).map(|n| &shares.of(1, &n.to_string())[..2]).collect();
        assert_eq!(placed, PLACED);
    }

    const PLACED: &str = "trtetetrtetetrtetetetrtetetrtete";

    #[test]
    fn wrong_shares_are_refused_by_name() {
        let refused = |text: &str| text.parse::<Shares>().unwrap_err();
        assert_eq!(refused(""), SharesError::None);
        assert_eq!(refused("train"), SharesError::Form("train".into()));
        assert_eq!(refused("train=much"), SharesError::Form("train=much".into()));
        assert_eq!(refused("train=0.5,train=0.5"), SharesError::Twice("train".into()));
        assert_eq!(refused("my split=1"), SharesError::Name("my split".into()));
        assert!(matches!(refused("train=1,test=0"), SharesError::Share { name, .. } if name == "test"));
        assert!(matches!(refused("train=NaN"), SharesError::Share { .. }));
        assert!(matches!(refused("train=0.8,test=0.1"), SharesError::Sum { .. }));
        assert!("train=0.333,valid=0.333,test=0.333".parse::<Shares>().is_ok());
    }

    proptest! {
        #[test]
        fn the_order_in_which_splits_are_written_moves_no_group(seed in any::<u64>(), group in ".*") {
            let one = shares("train=0.8,valid=0.1,test=0.1");
            let other = shares("test=0.1,train=0.8,valid=0.1");
            prop_assert_eq!(one.of(seed, &group), other.of(seed, &group));
        }

        #[test]
        fn every_group_has_a_split(seed in any::<u64>(), group in ".*", first in 0.01..0.99f64) {
            let shares = Shares::try_from(Named::from([("a".into(), first), ("b".into(), 1.0 - first)])).unwrap();
            prop_assert!(shares.has(shares.of(seed, &group)));
        }
    }
}
