//! What is held against plugins, shown and lifted by hand.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use farm::blame::{self, Entry, Held, Standing, Why};

use crate::Trouble;
use crate::show::count;

/// Reads what several state folders hold against plugins. Damaged lines cost a warning.
pub(crate) fn read<P: AsRef<Path>>(states: impl IntoIterator<Item = P>) -> Result<Held, Trouble> {
    let held = blame::read(states).map_err(Trouble::input)?;
    for damage in &held.damaged {
        eprintln!("warning: line {} of {} is damaged and left out", damage.line, damage.path.display());
    }
    Ok(held)
}

/// What is held against plugins, for people. `retry` is the command that lifts it.
pub(crate) fn words(held: &Held, retry: &str) -> String {
    let (quarantined, struck): (Vec<&Standing>, Vec<&Standing>) =
        held.ledger.standings().partition(|standing| standing.quarantined.is_some());
    let mut words = String::new();
    if !quarantined.is_empty() {
        words += &format!("Quarantined: {}. Tasks that use one are not rendered.\n", pairs(quarantined.len()));
        quarantined.iter().for_each(|standing| words += &standing_words(standing, retry));
    }
    if !struck.is_empty() {
        words += &format!("Struck, and still rendered: {}.\n", pairs(struck.len()));
        struck.iter().for_each(|standing| words += &standing_words(standing, retry));
    }
    words
}

/// A count of plugins with the presets that they are meant with.
pub(crate) fn pairs(number: usize) -> String {
    let each = if number == 1 { "its preset" } else { "a preset each" };
    format!("{} with {each}", count(number, "plugin"))
}

fn standing_words(standing: &Standing, retry: &str) -> String {
    let against = &standing.against;
    let mut words = format!("  {against}\n");
    words += &format!("      plugin {}, preset {}\n", short(&against.pair.plugin), short(&against.pair.preset));
    if let Some(since) = standing.quarantined {
        words += &format!("      quarantined since {}\n", time(since));
    }
    for strike in &standing.strikes {
        let suspected = if strike.suspected { " (it ran before; this task passed alone)" } else { "" };
        words += &format!(
            "      {}: task {} ({}): {}{suspected}\n",
            time(strike.at),
            strike.task,
            strike.label,
            strike.what
        );
    }
    if let Some(command) = standing.strikes.last().and_then(|strike| strike.reproduce.as_ref()) {
        words += &format!("      to reproduce the last: {command}\n");
    }
    if standing.quarantined.is_some() {
        words += &format!(
            "      to lift it: {retry} --plugin {} --preset '{}'\n",
            short(&against.pair.plugin),
            against.tone
        );
    }
    words
}

/// The first digits of a hash; other words as they are.
fn short(text: &str) -> &str {
    if text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) { &text[..12] } else { text }
}

/// A time in milliseconds since 1970, in words: the date and time in UTC.
pub(crate) fn time(millis: u64) -> String {
    let (days, seconds) = (millis / 86_400_000, millis / 1000 % 86_400);
    // The Gregorian calendar from 0000-03-01 on: Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    let day = days + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// What is to be lifted.
pub(crate) struct Which<'a> {
    /// The plugin, by name, file or hash; every one where absent.
    pub(crate) plugin: Option<&'a str>,
    /// The preset's name; every one where absent.
    pub(crate) preset: Option<&'a str>,
}

impl Which<'_> {
    fn means(&self, standing: &Standing) -> bool {
        let against = &standing.against;
        let plugin = self.plugin.is_none_or(|word| {
            let named = |accused: &blame::Accused| accused.is_plugin(word);
            named(against) || standing.strikes.iter().any(|strike| named(&strike.against))
        });
        plugin && self.preset.is_none_or(|name| against.tone.eq_ignore_ascii_case(name))
    }
}

/// Lifts what state folders hold together against those that are meant: quarantines, and strikes short of one. The entries go
/// to the state folder `into`, which later runs must read. Gives whom it was held against.
pub(crate) fn lift(held: Held, which: &Which<'_>, into: &Path) -> Result<Vec<Standing>, Trouble> {
    let mut ledger = held.ledger;
    let meant: Vec<Standing> = ledger.standings().filter(|standing| which.means(standing)).cloned().collect();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let at = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    for (number, standing) in meant.iter().enumerate() {
        let entries = ledger.lift(&standing.against.pair);
        let id = format!("hand-{}-{:x}-{number}", std::process::id(), now.as_nanos());
        let lifted = Entry::Lifted { id, at, against: standing.against.clone(), entries, why: Why::ByHand };
        blame::append(into, &lifted).map_err(Trouble::input)?;
    }
    Ok(meant)
}

/// A state folder, and those of runs beside each other in it.
pub(crate) fn states(state: &Path) -> Result<Vec<PathBuf>, Trouble> {
    let runs = farm::shards::all(state).map_err(Trouble::input)?;
    Ok([vec![state.to_owned()], runs].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_worded_as_date_and_time() {
        assert_eq!(time(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(time(951_782_399_999), "2000-02-28 23:59:59 UTC");
        assert_eq!(time(951_782_400_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(time(1_795_435_200_000), "2026-11-23 12:00:00 UTC");
    }
}
